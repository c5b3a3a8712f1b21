"""The door to llama.cpp: one model, one context, tokens in and logits out. Runs in the worker only.

The low-level calls are used because `Llama` hides what a stage needs: several sequences over one
cache, the number of output rows, flash attention, and tokens longer than 32 bytes. Knows nothing of
prompts or questions. A native fault here ends the process; `agent.worker` turns that into a typed
failure.
"""

import ctypes
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import llama_cpp.llama_cpp as _bindings
import numpy as np
import numpy.typing as npt

from agent.breakdown import list_devices, read_breakdown
from agent.choice import Grammar
from agent.diagnosis import EngineError, failure_kind, telling_lines
from agent.prefill import Row

# The bindings' annotations name ctypes types where plain integers are passed.
native: Any = _bindings
_DEBUG, _ERROR, _CONTINUED = 1, 4, 5  # ggml's log levels
_STDERR = 2
_PIECE_BYTES = 512


class Log:
    """llama.cpp's own messages, the last 400 of them, for the diagnosis of a failure. Errors also go to stderr, the
    only thing that is left when it ends the process, as it does where a GPU's memory runs out in a computation.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._wanted = True
        self._callback = native.llama_log_callback(self._take)
        native.llama_log_set(self._callback, ctypes.c_void_p(0))

    def _take(self, level: int, text: bytes, _user: object) -> None:
        if level != _CONTINUED:
            self._wanted = level != _DEBUG
        if level == _ERROR:
            os.write(_STDERR, text)
        if self._wanted:
            self.lines.append(text.decode("utf-8", "replace"))
        del self.lines[:-400]

    def text(self) -> str:
        """Everything kept, as one string."""
        return "".join(self.lines)


class Engine:
    """A loaded model. `plan` is `LoadPlan.to_wire()`. Raises `EngineError` when it cannot be
    loaded. Where it is `repeatable`, a row comes out alike in whatever call of enough rows it is evaluated
    (`agent.prefill`); a GPU's kernels divide their sums by the number of rows.
    """

    def __init__(self, path: str, plan: dict[str, Any], *, dry: bool = False) -> None:
        self.log = Log()
        native.llama_backend_init()
        self.model = _load(path, plan, dry, self.log)
        self.context = _open_context(self.model, plan, self.log)
        self.vocabulary = native.llama_model_get_vocab(self.model)
        self.memory = native.llama_get_memory(self.context)
        self.vocabulary_size = native.llama_vocab_n_tokens(self.vocabulary)
        self.context_size = int(native.llama_n_ctx(self.context))
        self.trained_context = int(native.llama_model_n_ctx_train(self.model))
        self.batch_size = int(plan["ubatch"])
        self.trimmable = not (native.llama_model_is_recurrent(self.model) or native.llama_model_is_hybrid(self.model))
        self.repeatable = plan["gpu_layers"] == 0
        self._batch = native.llama_batch_init(self.batch_size + 64, 0, 1)
        self._pieces: dict[int, bytes] = {}

    # --- text and tokens

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Token ids of the text. Only with `special` may `<|im_end|>` and its like become control
        tokens.
        """
        data = text.encode("utf-8", "surrogatepass")
        room = len(data) + 8
        while True:
            buffer = (native.llama_token * room)()
            count = native.llama_tokenize(self.vocabulary, data, len(data), buffer, room, False, special)
            if count >= 0:
                return list(buffer[:count])
            room = -count

    def first_tokens(self) -> list[int]:
        """The begin-of-text token where the model was trained with one."""
        if native.llama_vocab_get_add_bos(self.vocabulary):
            return [native.llama_vocab_bos(self.vocabulary)]
        return []

    def piece(self, token: int) -> bytes:
        """Bytes of one token, however many; empty for control tokens."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._read_piece(token)
        return known

    def _read_piece(self, token: int) -> bytes:
        size = _PIECE_BYTES
        while True:
            buffer = ctypes.create_string_buffer(size)
            count = native.llama_token_to_piece(self.vocabulary, token, buffer, size, 0, False)
            if count >= 0:
                return buffer.raw[:count]
            size = -count

    def ends(self, token: int) -> bool:
        """Whether the token ends a generation."""
        return bool(native.llama_vocab_is_eog(self.vocabulary, token))

    def chat_template(self) -> str:
        """The Jinja template in the file, empty if there is none."""
        found = native.llama_model_chat_template(self.model, None)
        return found.decode("utf-8", "replace") if found else ""

    def token_text(self, token: int) -> str:
        """The token as a template writes it, such as `<|im_end|>`."""
        return (native.llama_vocab_get_text(self.vocabulary, token) or b"").decode() if token >= 0 else ""

    def special_texts(self) -> dict[str, str]:
        """What templates call `bos_token` and `eos_token`."""
        return {
            "bos_token": self.token_text(native.llama_vocab_bos(self.vocabulary)),
            "eos_token": self.token_text(native.llama_vocab_eos(self.vocabulary)),
        }

    # --- evaluation

    def decode(self, rows: Sequence[Row]) -> None:
        """Evaluate up to `batch_size` + 63 rows in one go. Raises `EngineError`."""
        batch = self._batch
        for index, row in enumerate(rows):
            batch.token[index] = row.token
            batch.pos[index] = row.position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = row.sequence
            batch.logits[index] = row.wanted
        batch.n_tokens = len(rows)
        status = native.llama_decode(self.context, batch)
        native.llama_synchronize(self.context)  # a device computes on; waiting for it is llama.cpp's time
        if status:
            kind = "memory" if status in (1, -2) else "request"
            raise EngineError(kind, f"llama_decode returned {status}: {telling_lines(self.log.text())}")

    def logits(self, index: int) -> npt.NDArray[np.float32]:
        """Logits after row `index` of the last `decode`, (vocabulary,), a view valid until the next
        one.
        """
        pointer = native.llama_get_logits_ith(self.context, index)
        return np.ctypeslib.as_array(pointer, shape=(self.vocabulary_size,))

    def copy(self, source: int, target: int, start: int = -1, end: int = -1) -> None:
        """Let `target` share the cells of `source` from position `start` up to `end`."""
        native.llama_memory_seq_cp(self.memory, source, target, start, end)

    def save(self, sequence: int) -> Any:
        """The cells of a sequence, as llama.cpp writes them, in host memory."""
        size = native.llama_state_seq_get_size(self.context, sequence)
        buffer = (ctypes.c_uint8 * size)()
        native.llama_state_seq_get_data(self.context, buffer, size, sequence)
        return buffer

    def restore(self, sequence: int, cells: Any) -> None:
        """Replace a sequence by saved cells. Raises `EngineError` when they find no room."""
        if not native.llama_state_seq_set_data(self.context, cells, len(cells), sequence):
            raise EngineError("memory", "the saved part of a prompt does not fit the context")

    def drop(self, sequence: int, start: int = -1, end: int = -1) -> bool:
        """Forget a sequence from position `start` up to `end`; False if the model cannot forget a part."""
        return bool(native.llama_memory_seq_rm(self.memory, sequence, start, end))

    def grammar(self, source: str) -> Grammar:
        """A checker for one generation. Raises `EngineError` for a grammar that does not parse."""
        sampler = native.llama_sampler_init_grammar(self.vocabulary, source.encode(), b"root")
        if not sampler:
            raise EngineError("request", f"the grammar does not parse: {telling_lines(self.log.text())}")
        return Grammar(native, sampler)

    def close(self) -> None:
        """Give back batch, context and weights."""
        native.llama_batch_free(self._batch)
        native.llama_free(self.context)
        native.llama_model_free(self.model)


def _load(path: str, plan: dict[str, Any], dry: bool, log: Log) -> Any:
    params = native.llama_model_default_params()
    params.n_gpu_layers = plan["gpu_layers"]
    nothing = (ctypes.c_void_p * 1)(None)
    if plan["gpu_layers"] == 0:  # else large batches would be computed on a GPU all the same, and take its memory
        params.devices = ctypes.cast(nothing, ctypes.c_void_p)
    params.use_extra_bufts = plan.get("repack", True)
    if dry:
        params.no_alloc = True
        params.load_mode = native.LLAMA_LOAD_MODE_NONE
    model = native.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise EngineError(failure_kind(log.text()), f"the model cannot be loaded: {telling_lines(log.text())}")
    return model


def _open_context(model: Any, plan: dict[str, Any], log: Log) -> Any:
    params = native.llama_context_default_params()
    params.n_ctx = plan["context"]
    # `Prefill` evaluates up to 63 rows more than a block, to leave no short last call.
    params.n_batch = params.n_ubatch = plan["ubatch"] + 64
    params.n_seq_max = plan["sequences"] + 1
    params.n_outputs_max = plan["sequences"] + 1
    params.n_threads = params.n_threads_batch = plan["threads"]
    params.flash_attn_type = int(plan["flash"])
    params.type_k = params.type_v = plan["kv_type"]
    params.kv_unified = True
    params.swa_full = True
    params.no_perf = True
    context = native.llama_init_from_model(model, params)
    if not context:
        kind = failure_kind(log.text())
        raise EngineError(kind, f"no context of {plan['context']} tokens: {telling_lines(log.text())}")
    return context


def build_facts() -> str:
    """Version and processor features of this llama.cpp, in its own words."""
    import llama_cpp

    features = native.llama_print_system_info().decode("utf-8", "replace").strip()
    return f"llama-cpp-python {llama_cpp.__version__}; {features}"


def measure(path: str, plan: dict[str, Any]) -> dict[str, Any]:
    """What a load would take, without allocating it: bytes per buffer type, of this process so far,
    and of output rows and half-precision attention scores, which llama.cpp leaves out of its accounts.
    """
    engine = Engine(path, plan, dry=True)
    try:
        buffers = read_breakdown(native._lib, engine.context)
        return {
            "buffers": None if buffers is None else [asdict(buffer) for buffer in buffers],
            "resident": _resident_bytes(),
            "output": 4 * engine.vocabulary_size * (plan["sequences"] + 1) + _score_bytes(engine, plan),
        }
    finally:
        engine.close()


def _score_bytes(engine: Engine, plan: dict[str, Any]) -> int:
    """Scores of all heads over the whole context, as the CPU multiplies them with the values."""
    heads = 0 if plan["flash"] else int(native.llama_model_n_head(engine.model))
    return 2 * (plan["ubatch"] + 64) * engine.context_size * heads


def devices() -> list[dict[str, Any]]:
    """Devices that this build of llama.cpp can compute on."""
    native.llama_backend_init()
    return list_devices(native._lib)


def _resident_bytes() -> int:
    import psutil

    return int(psutil.Process().memory_info().rss)
