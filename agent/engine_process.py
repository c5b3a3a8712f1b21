"""The worker process: reads requests from stdin, answers on stdout, and owns the only llama.cpp.

A frame is four bytes of length, big-endian, and that many bytes of msgpack. Requests are maps with
`op`: `load`, `batch`, `score`, `forget`, `count`, `measure`,
`devices`. A reply is a map with `ok`, or with `error` (a kind of
`agent.errors.WorkerFailed`) and `message`; maps with `progress` may come before it. End of input
ends the process at once, even inside llama.cpp: so it never outlives its parent. Run by
`agent.worker` only.
"""

import codecs
import os
import queue
import signal
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import msgpack

from agent.chat_template import TemplateError, segments
from agent.diagnosis import EngineError
from agent.lockstep import Completion, Lockstep, Request, TooLong
from agent.pace import Step

Message = dict[str, Any]
_UTF8 = codecs.getincrementaldecoder("utf-8")


def write_frame(stream: BinaryIO, message: Mapping[str, Any]) -> None:
    """Send one message."""
    body: bytes = msgpack.packb(message)  # pyright: ignore[reportAssignmentType]
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


def read_frame(stream: BinaryIO) -> Message | None:
    """The next message; None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack(">I", head)
    body = stream.read(size)
    message: Message | None = msgpack.unpackb(body) if len(body) == size else None
    return message


class Session:
    """One loaded model and its state across batches."""

    def __init__(self, path: str, plan: Mapping[str, Any], template: str) -> None:
        from agent.llama import Engine

        self.engine = Engine(path, dict(plan))
        self.template = self.engine.chat_template() if template == "file" else ""
        self.steps = Lockstep(self.engine, int(plan["sequences"]), self.engine.batch_size)

    def tokens(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Ids of a whole prompt; contents never yield control tokens."""
        found = self.engine.first_tokens()
        parts = segments(self.template, messages, self.engine.special_texts())
        for text, control in parts:
            ids = self.engine.tokenize(text, special=control)
            found += ids[1:] if control and found and ids[:1] == found[:1] == found else ids
        return found

    def batch(self, request: Message, tell: "Teller") -> Message:
        """Answers to several prompts, in their order."""
        requests = [
            Request(self.tokens(item["messages"]), item["max_tokens"], item["grammar"]) for item in request["items"]
        ]
        started, native = time.perf_counter(), self.steps.native_seconds
        done = self.steps.run(requests, Writing(tell, self.engine.piece).step)
        return {
            "items": [self._item(completion) for completion in done],
            "seconds": time.perf_counter() - started,
            "native_seconds": self.steps.native_seconds - native,
        }

    def score(self, request: Message, tell: "Teller") -> Message:
        """How likely each word is to come next, by the logit of its first token, with a blank before it or without."""
        prompts = [self.tokens(messages) for messages in request["prompts"]]
        firsts = [[self.engine.tokenize(form, special=False)[0] for form in (w, f" {w}")] for w in request["words"]]
        rows = self.steps.score(
            prompts, [token for pair in firsts for token in pair], Writing(tell, self.engine.piece).step
        )
        return {"scores": [[max(row[at : at + 2]) for at in range(0, len(row), 2)] for row in rows]}

    def _item(self, completion: Completion) -> Message:
        data = b"".join(self.engine.piece(token) for token in completion.tokens)
        # An answer cut at max_tokens may end inside a character.
        return {
            "text": data.decode("utf-8", "ignore"),
            "finish": completion.finish,
            "prompt_tokens": completion.prompt_tokens,
            "prompt_reused": completion.reused,
            "generated": len(completion.tokens),
            "seconds": completion.seconds,
        }


class Teller:
    """Sends progress frames."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def say(self, progress: Mapping[str, Any]) -> None:
        """Send one."""
        write_frame(self._stream, {"progress": progress})


class Writing:
    """The progress of one batch, with the text of each answer as it grows: characters that are whole."""

    def __init__(self, tell: Teller, piece: Callable[[int], bytes]) -> None:
        self._tell = tell
        self._piece = piece
        self._readers: dict[int, codecs.IncrementalDecoder] = {}

    def step(self, step: Step) -> None:
        """Tell a step."""
        texts = {place: self._text(place, tokens) for place, tokens in step.written.items()}
        progress = {"phase": step.phase, "done": step.done, "total": step.total, "seconds": step.seconds}
        self._tell.say({**progress, "texts": [[place, text] for place, text in texts.items() if text]})

    def _text(self, place: int, tokens: Sequence[int]) -> str:
        reader = self._readers.setdefault(place, _UTF8(errors="replace"))
        return reader.decode(b"".join(map(self._piece, tokens)))


def _answer(request: Message, session: Session | None, tell: Teller) -> tuple[Message, Session | None]:
    operation = request["op"]
    if operation == "measure":
        from agent.llama import measure

        return measure(request["path"], request["plan"]), session
    if operation == "devices":
        from agent.llama import devices

        return {"devices": devices()}, session
    if operation == "load":
        started = time.perf_counter()
        session = Session(request["path"], request["plan"], request["template"])
        return _described(session, time.perf_counter() - started), session
    if session is None:
        return {"error": "request", "message": "no model is loaded"}, None
    if operation == "count":
        return {"count": len(session.engine.tokenize(request["text"], special=False))}, session
    if operation == "forget":
        session.steps.forget()
        return {}, session
    if operation == "batch":
        return session.batch(request, tell), session
    if operation == "score":
        return session.score(request, tell), session
    return {"error": "request", "message": f"unknown operation {operation}"}, session


def _described(session: Session, seconds: float) -> Message:
    from agent.llama import build_facts

    engine = session.engine
    return {
        "context_size": engine.context_size,
        "trained_context": engine.trained_context,
        "vocabulary_size": engine.vocabulary_size,
        "seconds": seconds,
        "build": build_facts(),
    }


def serve(requests: "queue.SimpleQueue[Message]", replies: BinaryIO) -> None:
    """Answer requests one after the other, for ever."""
    session: Session | None = None
    tell = Teller(replies)
    while True:
        request = requests.get()
        try:
            reply, session = _answer(request, session, tell)
        except EngineError as error:
            reply = {"error": error.kind, "message": str(error)}
        except (TooLong, TemplateError) as error:
            reply = {"error": "request", "message": str(error)}
        except MemoryError:
            reply = {"error": "memory", "message": "out of memory in Python"}
        write_frame(replies, {"ok": "error" not in reply, **reply})


def _read_requests(stream: BinaryIO, requests: "queue.SimpleQueue[Message]") -> None:
    while (request := read_frame(stream)) is not None:
        requests.put(request)
    os._exit(0)


def main() -> None:
    """Entry point of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Native code prints to descriptor 1: it is pointed at the error stream, frames keep their own.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
    source = os.fdopen(os.dup(0), "rb")
    threading.Thread(target=_read_requests, args=(source, requests), daemon=True).start()
    serve(requests, replies)


if __name__ == "__main__":
    main()
