"""Answers about modalities in sentences: requests and models of two, calls of vision models, embeddings of images."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from retrieval.errors import QueryError
from tests.source_tree import codebase_of


def _texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


MESSAGES: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import base64
        import requests
        from openai import OpenAI
        from transformers import AutoModelForVision2Seq, AutoModelForCausalLM, pipeline

        MENU = {"image": {"type": "image", "label": "Picture"}}

        def encode_image(path):
            return base64.b64encode(open(path, "rb").read()).decode()

        def ask(path, prompt):
            content = [
                {"type": "text", "text": prompt},
                {"type": "image_url", "image_url": {"url": encode_image(path)}},
            ]
            return OpenAI().chat.completions.create(model="m", messages=[{"role": "user", "content": content}])

        def local(path, prompt):
            asked = {"model": "m", "prompt": prompt, "images": [encode_image(path)]}
            return requests.post("http://localhost", json=asked)

        def read(inputs):
            model = AutoModelForVision2Seq.from_pretrained("x/y")
            return model.generate(**inputs)

        if __name__ == "__main__":
            ask("a.png", "what?"), local("a.png", "what?"), read({})
    """,
}


def test_messages_and_models_of_two_modalities() -> None:
    codebase = codebase_of(MESSAGES)
    found = _texts(codebase, "multimodal_messages")
    assert [text.partition(" ")[0] for text in found] == ["`ask()`", "`local()`"]
    assert found[0].endswith(
        'beside the text part `{"type": "text", "text": prompt}`, sent by `OpenAI().chat.completions.create(…)`'
    )
    [model] = _texts(codebase, "multimodal_models: how=together")
    assert "takes image and text, gives text" in model


def test_the_answer_in_sentences() -> None:
    [whether] = _texts(codebase_of(MESSAGES), "multimodal: part=whether")
    assert whether.startswith("Yes, image and text go together: `ask()` (app.py) puts text and image into one request")
    combined, compared = _texts(codebase_of(MESSAGES), "multimodal: part=embeddings")
    assert combined.startswith("Not by code of this repository; they are combined inside a model that takes both")
    assert compared.startswith("They are not compared: no product or similarity has features of two modalities")
    assert not _texts(codebase_of({"app.py": "x = 1\n"}), "multimodal: part=whether")
    with pytest.raises(QueryError):
        run_query(codebase_of(MESSAGES), "multimodal: part=all")


def test_a_part_that_was_taken_off_gives_no_modality_and_halves_of_one_tensor_are_not_joined_anew() -> None:
    codebase = codebase_of(
        {
            "README.md": "Run `python app.py`.\\n",
            "former.py": """
                import torch
                from torch import nn

                class Words(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.word_embeddings = nn.Embedding(4, 4)
                    def forward(self, input_ids=None, query_embeds=None):
                        if input_ids is not None:
                            query_embeds = self.word_embeddings(input_ids)
                        return query_embeds

                class Former(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.embeddings, self.crossattention = Words(), nn.MultiheadAttention(4, 1)
                    def forward(self, input_ids=None, query_embeds=None, image_embeds=None):
                        hidden = self.embeddings(input_ids=input_ids, query_embeds=query_embeds)
                        out = self.crossattention(hidden, image_embeds, image_embeds)
                        front, out_text = out[:, :2], out[:, 2:]
                        return torch.cat([front, out_text], dim=1)
            """,
            "app.py": """
                from former import Former

                def main(image_embeds, learned):
                    net = Former()
                    net.embeddings.word_embeddings = None
                    return net(query_embeds=learned, image_embeds=image_embeds)

                if __name__ == "__main__":
                    main(1, 2)
            """,
        }
    )
    assert _texts(codebase, "fusions") == []


FACES: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import cv2
        import ffmpeg
        import numpy
        import onnxruntime
        from insightface.app import FaceAnalysis

        POOL = {}

        def pool():
            POOL["recognizer"] = onnxruntime.InferenceSession("a.onnx")
            return POOL

        def prepared(path):
            frame = cv2.resize(cv2.imread(path), (112, 112))
            frame = frame / 127.5 - 1
            return numpy.expand_dims(frame[:, :, ::-1].transpose(2, 0, 1).astype(numpy.float32), axis=0)

        def forward(frame):
            recognizer = pool().get("recognizer")
            face_embedding = recognizer.run(None, {"input": frame})[0]
            return face_embedding

        def identity(path):
            embedding = forward(prepared(path))
            return embedding / numpy.linalg.norm(embedding)

        def faces(path):
            analyser = FaceAnalysis(name="buffalo_l")
            image = cv2.imread(path)
            boxes, points = analyser.det_model.detect(image, max_num=0)
            analyser.models.get("recognition").get(image, boxes)
            return boxes

        def sound(path):
            return ffmpeg.input(path).output("-", format="f32le", acodec="pcm_f32le")

        if __name__ == "__main__":
            identity("a.png"), faces("a.png"), sound("a.wav")
    """,
}


def test_calls_of_vision_models_and_their_embeddings_in_sentences() -> None:
    codebase = codebase_of(FACES)
    [calls] = _texts(codebase, "vision_told: part=calls")
    assert calls.startswith("Vision models are called at 3 places: ")
    assert "`det_model` of `FaceAnalysis`" in calls and "`recognition` of" not in calls
    assert "channels first, in a batch, values -1 to 1, channel order reversed, float32" in calls
    embeddings = _texts(codebase, "vision_told: part=embeddings")
    assert "which it returns to `identity()` (app.py), normalised with `numpy.linalg.norm`" in embeddings[0]
    ways = _texts(codebase, "vision_told: part=preprocessing")
    assert "`cv2.imread(path)` → `cv2.resize(cv2.imread(path), (112, 112))` → `/ 127.5` → `- 1`" in ways[0]
    assert not any("ffmpeg" in way for way in ways)
    assert not _texts(codebase_of({"app.py": "x = 1\n"}), "vision_told: part=preprocessing")
    with pytest.raises(QueryError):
        run_query(codebase, "vision_told: part=all")


READERS: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "nets.py": """
        import torch
        from torch import nn

        class Reader(nn.Module):
            def __init__(self):
                super().__init__()
                self.body = nn.Linear(4, 4)
            def forward(self, image, text):
                seen = self.body(image)
                return seen.text

        class Captioner(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.words = nn.Linear(4, 4), nn.Embedding(4, 4)
            def forward(self, image, text):
                return self.body(image), self.words(text)

        class Detector(nn.Module):
            def __init__(self):
                super().__init__()
                self.body, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)
            def forward(self, image):
                feature = self.body(image)
                return self.head(feature), feature
    """,
    "app.py": """
        import torch
        from nets import Captioner, Detector, Reader

        def unread(image, text):
            return Reader()(image, text)

        def constant(image):
            text = torch.LongTensor(2, 3).fill_(0).to("cpu")
            return Captioner()(image, text)

        def filled(image, ids):
            text = torch.zeros(2, 3)
            text[0] = ids
            return Captioner()(image, text)

        def real(image, text):
            return Captioner()(image, text=text)

        def boxes(image):
            net = Detector()
            score, feature = net(image)
            return score > 0.5

        def features(image):
            net = Detector()
            score, feature = net(image)
            return feature

        if __name__ == "__main__":
            unread(1, 2), constant(1), filled(1, 2), real(1, 2), boxes(1), features(1)
    """,
}


def test_what_a_model_never_reads_or_only_gets_as_zeros_is_no_second_modality() -> None:
    given = run_query(codebase_of(READERS), "fusions: how=given").hits
    assert [hit.symbol for hit in given] == ["filled", "real"]


def test_of_a_result_in_parts_only_the_parts_that_are_read_are_embeddings() -> None:
    codebase = codebase_of(READERS)
    assert [hit.symbol for hit in run_query(codebase, "image_embeddings").hits] == ["features"]
    [told] = _texts(codebase, "vision_told: part=embeddings")
    assert "`features()`" in told and "kept as `feature`" in told and "boxes" not in told


CROSSING = """import copy
import torch
from torch import nn
from transformers import BertTokenizer
from outputs import ModelOutputWithCrossAttentions

tokenizer = BertTokenizer.from_pretrained("bert")


class Attention(nn.Module):
    def forward(self, x, context=None):
        q, k, v = self.query(x), self.key(context), self.value(context)
        qk = torch.matmul(q, k.transpose(-1, -2))
        return qk.softmax(-1) @ v, qk


class Layer(nn.Module):
    def __init__(self, cross=False):
        super().__init__()
        self.cross_attn = Attention() if cross else None

    def forward(self, text_states, image_states):
        out, _ = self.cross_attn(text_states, context=image_states)
        return ModelOutputWithCrossAttentions(hidden=text_states, encoder_hidden_states=image_states)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Layer(cross=True) for _ in range(6)])

    def forward(self, text, image):
        for layer in self.layers:
            text = layer(text, image)
        return text


def align(model, image, text):
    kept = []
    for layer in model.layers:
        layer.cross_attn.register_forward_hook(lambda _, ins, outs: kept.append(outs[-1]))
    return model(tokenizer(text), image), kept


align(Decoder(), open_image("a.png"), "words")
"""


def test_the_scores_of_cross_attention_compare_two_modalities_in_named_layers() -> None:
    codebase = codebase_of({"app.py": CROSSING})
    attended = _texts(codebase, "fusions: how=attended")
    assert len(attended) == 1 and "self.cross_attn" in attended[0]
    how = " ".join(_texts(codebase, "multimodal: part=how"))
    assert "`torch.matmul(q, k.transpose(-1, -2))` in `Attention.forward()` (app.py:13)" in how
    assert "in every `Layer` that `Decoder` stacks" in how
    combined, compared = _texts(codebase, "multimodal: part=embeddings")
    assert combined.startswith("Yes, they are combined: `Layer.forward()`")
    assert compared.startswith(
        "Yes, they are compared inside attention: its scores `torch.matmul(q, k.transpose(-1, -2))`"
    )
    assert "`align()` (app.py) takes them up with a forward hook" in compared


LABELS = """from enum import Enum
from PIL import Image
from transformers import BlipForConditionalGeneration, BlipProcessor

processor = BlipProcessor.from_pretrained("blip")
model = BlipForConditionalGeneration.from_pretrained("blip")


def caption(path, tokenizer):
    inputs = processor(Image.open(path).convert("RGB"), return_tensors="pt")
    return model.generate(**inputs)


class Kind(Enum):
    VISION = "vision"
    TEXT = "text"


def compare(embeddings):
    return embeddings[Kind.VISION] @ embeddings[Kind.TEXT].T


caption("a.png", None)
"""


def test_a_model_that_is_given_an_image_alone_joins_nothing_and_keys_tell_a_modality() -> None:
    codebase = codebase_of({"app.py": LABELS})
    assert not _texts(codebase, "multimodal_models: how=together")
    [compared] = _texts(codebase, "fusions")
    assert "multiplies or compares image (`embeddings[Kind.VISION]`) and text (`embeddings[Kind.TEXT].T`)" in compared


def test_a_module_that_fuses_without_attention_attends_to_nothing() -> None:
    source = """
        import torch
        class Fuse(torch.nn.Module):
            def __init__(self): self.mlp = {layer}
            def forward(self, text, image): return self.mlp(torch.cat([text, image]))
        class Net(torch.nn.Module):
            def __init__(self): self.fuse_module, self.inner = Fuse(), Fuse()
            def forward(self, image, text):
                image_embeds = self.encode_image(image)
                text_embeds = self.encode_text(text)
                return self.fuse_module(text_embeds, image_embeds)
        if __name__ == "__main__":
            Net()(None, None)
    """
    how = {}
    for layer in ("torch.nn.Linear(2, 1)", "torch.nn.MultiheadAttention(2, 1)"):
        codebase = codebase_of({"app.py": source.replace("{layer}", layer)})
        hits = [hit for hit in run_query(codebase, "fusions").hits if hit.symbol == "Net.forward"]
        how[layer] = [hit.text for hit in hits]
    assert ["attend" in " ".join(texts) for texts in how.values()] == [False, True], how


FUSED: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "net.py": """
        import torch
        from torch import nn

        class MLP(nn.Module):
            def __init__(self, i, o):
                super().__init__()
                self.fc = nn.Linear(i, o)
            def forward(self, x):
                return self.fc(x)

        class Fuse(nn.Module):
            def __init__(self, dim):
                super().__init__()
                self.mlp1 = MLP(dim * 2, dim)
                self.norm = nn.LayerNorm(dim)
            def mix(self, prompt_embeds, id_embeds):
                both = torch.cat([prompt_embeds, id_embeds], dim=-1)
                both = self.mlp1(both) + prompt_embeds
                return self.norm(both)
            def forward(self, prompt_embeds, id_embeds, mask):
                id_embeds = id_embeds.to(prompt_embeds.dtype)
                picked = prompt_embeds[mask]
                both = self.mix(picked, id_embeds)
                prompt_embeds.masked_scatter_(mask[:, None], both.to(prompt_embeds.dtype))
                return prompt_embeds

        class Encoder(nn.Module):
            def __init__(self):
                super().__init__()
                self.vision_model = nn.Conv2d(3, 8, 3)
                self.fuse_module = Fuse(2048)
            def forward(self, image, text_embeds, mask):
                image_embeds = self.vision_model(image)
                return self.fuse_module(text_embeds, image_embeds, mask)

        class Clip(nn.Module):
            def __init__(self):
                super().__init__()
                self.visual, self.text_encoder = nn.Conv2d(3, 8, 3), nn.Embedding(8, 8)
            def forward(self, image, text):
                image_features = self.visual(image)
                text_features = self.text_encoder(text)
                return {"image": image_features, "text": text_features}

        class Experts(nn.Module):
            def __init__(self):
                super().__init__()
                self.language_mlp, self.vision_mlp = MLP(8, 8), MLP(8, 8)
            def forward(self, hidden, vision_expert_mask):
                out = torch.empty(hidden.shape)
                language_hidden = hidden[~vision_expert_mask.bool()]
                out[~vision_expert_mask.bool()] = self.language_mlp(language_hidden)
                vision_hidden = hidden[vision_expert_mask.bool()]
                out[vision_expert_mask.bool()] = self.vision_mlp(vision_hidden)
                return out
    """,
    "app.py": """
        from net import Encoder, Clip, Experts

        def report(transcript_items, frames):
            events = []
            for item in transcript_items:
                events.append((item.start_time, 1, item))
            for frame in frames:
                events.append((frame.timestamp, 0, frame))
            events.sort(key=lambda e: e[0])
            return events

        def main(image, text, mask):
            encoder, clip, experts = Encoder(), Clip(), Experts()
            clip(image, text)
            experts(encoder(image, text, mask), mask)
            report([], [])

        if __name__ == "__main__":
            main(1, 2, 3)
    """,
}


def test_a_fusion_is_told_from_the_code_of_the_module_that_is_called() -> None:
    codebase = codebase_of(FUSED)
    whether, besides, models = _texts(codebase, "multimodal: part=whether")
    assert whether.startswith("Yes, image and text are fused: `Encoder.forward()` (net.py) fuses text (`text_embeds`)")
    assert "with `self.fuse_module` (`Fuse(2048)`, by concatenation, sums and writing into chosen places)" in whether
    assert "merges text (`item`) and image (`frame`) into one list by time" in whether
    assert besides.startswith(
        "Besides, `main()` (app.py) gives image (`image`) and text (`text`) to `Clip` in one call"
    )
    assert models.startswith("`Clip` embeds each modality by itself and returns both, without fusion; `Encoder` (by ")
    how = _texts(codebase, "multimodal: part=how")[1]
    assert how.startswith(
        "In `self.fuse_module`, `Fuse(2048)`, `Fuse.mix()` (net.py) concatenates `prompt_embeds` (text) and "
        "`id_embeds` (image) along the last axis (line 17), then passes the result through `self.mlp1` (line 18), "
    )
    assert "writes `both.to(prompt_embeds.dtype)` (image and text) into `prompt_embeds` (text) by" in how
    assert how.endswith("in which this stands, is called by `main()` (app.py:15)")
    combined, compared = _texts(codebase, "multimodal: part=embeddings")
    assert "sends image (`self.vision_mlp(vision_hidden)`) and text" in combined and "merges" not in combined
    assert compared == "They are not compared: no product or similarity has features of two modalities"


def test_conditions_are_joined_by_what_the_code_does_with_them() -> None:
    codebase = codebase_of(
        {
            "README.md": "Run `python app.py`.\n",
            "net.py": """
                import torch
                import torchaudio
                from torch import nn
                from transformers import T5EncoderModel

                class BaseConditioner(nn.Module):
                    pass

                class TextConditioner(BaseConditioner):
                    def __init__(self):
                        super().__init__()
                        self.t5 = T5EncoderModel.from_pretrained("t5")
                    def forward(self, x):
                        return self.t5(x)

                class WaveformConditioner(BaseConditioner):
                    def __init__(self):
                        super().__init__()
                        self.proj = nn.Linear(2, 2)
                    def forward(self, x):
                        return self.proj(x)

                class Fuser(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.norm = nn.LayerNorm(2)
                    def forward(self, input, conditions):
                        for op, cond in conditions.items():
                            if op == "sum":
                                input += cond
                            else:
                                input = torch.cat([cond, input], dim=1)
                        return self.norm(input)

                class Lm(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.fuser, self.text, self.wave = Fuser(), TextConditioner(), WaveformConditioner()
                        self.transformer = nn.Transformer()
                    def forward(self, seq, c):
                        return self.transformer(self.fuser(seq, c), context=c["crossattn"])
            """,
            "app.py": """
                from net import Lm

                def main(seq, c):
                    return Lm()(seq, c)

                if __name__ == "__main__":
                    main(1, 2)
            """,
        }
    )
    whether, without = _texts(codebase, "multimodal: part=whether")
    assert without == "Images and video take no part in it"
    assert whether.startswith("Yes, audio and text condition what is generated: ")
    assert "`Fuser.forward()` (net.py) concatenates the condition `cond` with `input` along axis 1, adds the" in whether
    assert 'hands the condition `c["crossattn"]` to `self.transformer` as `context`' in whether
    assert "conditions are embedded by `TextConditioner` (text), `WaveformConditioner` (audio)" in whether
    assert _texts(codebase, "multimodal: part=embeddings")[0].startswith("Yes, they are combined: ")


SPLICED: dict[str, str | bytes] = {
    "README.md": "Run `python run.py`.\n",
    "run.py": """
        import torch
        from torch import nn
        from transformers import AutoModel, AutoTokenizer


        class Joint(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed_tokens = nn.Embedding(10, 4)
                self.tower = nn.Linear(4, 4)

            def forward(self, input_ids, images, audios):
                image_features = self.tower(images)
                audio_features = self.tower(audios)
                rows = []
                for row, (ids, embeds) in enumerate(zip(input_ids, self.embed_tokens(input_ids))):
                    if (ids == 3).sum() == 0:
                        embeds = embeds + (0.0 * image_features).sum()
                        rows.append(embeds)
                        continue
                    if (ids == 4).sum():
                        found = image_features[row]
                    else:
                        found = audio_features[row]
                    rows.append(torch.cat([embeds[:2], found, embeds[2:]], dim=0))
                return torch.stack(rows)


        def ask(model, image, question):
            return model.chat(image=image, msgs=question, context=None)


        def main():
            Joint()(1, 2, 3)
            ask(AutoModel.from_pretrained("a/b"), 1, "why")


        if __name__ == "__main__":
            main()
    """,
}


def test_features_spliced_between_token_embeddings_are_joined_and_a_chat_is_no_attention() -> None:
    codebase = codebase_of(SPLICED)
    joined = _texts(codebase, "fusions: how=joined")
    assert any(
        "text (`embeds[:2]`" in text and "image (`found`" in text and "audio (`found`" in text for text in joined
    )
    assert not _texts(codebase, "fusions: how=attended")


def test_code_that_only_hears_has_no_pictures_whatever_names_say() -> None:
    source = """
        import librosa
        import torch
        from torch import nn


        class VitsEncoder(nn.Module):
            def forward(self, image, text_emb, n_channels_tensor):
                image_embeds = self.layer(image)
                return torch.cat([image_embeds, text_emb])


        def main():
            VitsEncoder()(librosa.load("a.wav")[0], 2, 3)


        if __name__ == "__main__":
            main()
    """
    codebase = codebase_of({"app.py": source})
    assert not _texts(codebase, "vision_told: part=embeddings") and not _texts(codebase, "named_embeddings")
    assert not any("image" in text.split("(")[1] for text in _texts(codebase, "fusions"))
    assert not _texts(codebase, "vision_functions")


def test_placeholders_of_spliced_features_are_named() -> None:
    source = """
        import torch
        from transformers import AutoTokenizer

        IMAGE_TOKEN_INDEX = -200


        class Joint(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.embed_tokens = torch.nn.Embedding(2, 2)

            def forward(self, input_ids, images):
                image_features = self.tower(images)
                at = torch.where(input_ids == IMAGE_TOKEN_INDEX)[0]
                embeds = self.embed_tokens(input_ids)
                return torch.cat([embeds[:at], image_features, embeds[at + 1 :]], dim=0)


        def main():
            Joint()(1, 2)


        if __name__ == "__main__":
            main()
    """
    (first, *_) = _texts(codebase_of({"app.py": source}), "multimodal: part=whether")
    assert "with `torch.cat` at the places of `IMAGE_TOKEN_INDEX`, which it returns" in first


def test_embeddings_beside_token_ids_are_given_to_what_a_library_makes() -> None:
    source = """
        from engine import Job
        from PIL import Image
        from transformers import AutoTokenizer


        class Model:
            def ask(self, input_ids, path):
                image_embeddings = [self.vision.get_image_embeddings(image=Image.open(path))]
                return Job(input_ids=input_ids, embeddings=image_embeddings, seed=1)


        def main():
            Model().ask(AutoTokenizer.from_pretrained("a/b")("x"), "a.png")


        if __name__ == "__main__":
            main()
    """
    codebase = codebase_of({"app.py": source})
    (given,) = _texts(codebase, "fusions: how=given")
    assert given.startswith("`Model.ask()` gives text (`input_ids`) and image (`image_embeddings`) to `Job` together")
    (kept,) = _texts(codebase, "vision_told: part=embeddings")
    assert "has `self.vision` make an embedding of an image by `self.vision.get_image_embeddings" in kept
    assert any("embedded by `self.vision` in `Model.ask`" in text for text in _texts(codebase, "vision_functions"))


def test_classes_around_models_and_alternatives_inside_them_are_named() -> None:
    source = """
        import sys
        import torch
        import sys

        from PIL import Image
        from torch import nn


        class VisionTower(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv2d(3, 8, 3)
                self.last = nn.Linear(8, 8)

            def forward(self, image):
                return self.last(self.layer(image))


        class ResNetTower(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Conv2d(3, 8, 3)
                self.last = nn.Linear(8, 8)

            def forward(self, image):
                return self.last(self.layer(image))


        def build_tower(kind):
            if kind == "vit":
                tower = VisionTower()
            else:
                tower = ResNetTower()
            return tower


        class Segmenter(nn.Module):
            def __init__(self, kind):
                super().__init__()
                self.image_encoder = build_tower(kind)

            def forward(self, image):
                return self.image_encoder(image)


        class Predictor:
            def __init__(self, model: Segmenter):
                self.model = model

            def set_image(self, image):
                return self.model(image)


        def main():
            Predictor(Segmenter(sys.argv[1])).set_image(Image.open("a.png"))


        if __name__ == "__main__":
            main()
    """
    told = _texts(codebase_of({"app.py": source}), "vision_functions")
    assert told[0].startswith("Vision models by what they are for - segmentation: `Segmenter`")
    assert any("one of `VisionTower`, `ResNetTower` (`build_tower()` chooses)" in text for text in told)
    assert any(text.startswith("Classes around them: `Predictor` runs `Segmenter`") for text in told)
    assert told[-1].startswith("No module for video")


def test_features_out_of_one_result_are_told_apart_by_their_keys_and_names() -> None:
    source = """
    def evaluate(model, images, texts):
        out = model(images, texts)
        text_features = out["text_features"]
        return out["scale"] * out["image_features"] @ text_features.t()
    """
    hits = run_query(codebase_of({"run.py": source}), "fusions: how=compared").hits
    assert [hit.name for hit in hits] == ["image + text"]


ENGINES: dict[str, str | bytes] = {
    "engines.py": """
        from transformers import AutoModelForImageTextToText, AutoProcessor

        class BaseEngine:
            def predict_batch(self, batch):
                raise NotImplementedError

        class LocalEngine(BaseEngine):
            def __init__(self):
                self.model = AutoModelForImageTextToText.from_pretrained("a/b")
                self.processor = AutoProcessor.from_pretrained("a/b")

            def predict_batch(self, batch):
                images = [item.image for item in batch]
                prompts = [item.prompt for item in batch]
                inputs = self.processor(text=[p for p in prompts if p], images=images, return_tensors="pt")
                inputs = {k: v.to("cuda") for k, v in inputs.items()}
                wanted = {**inputs, "max_new_tokens": 64}
                return self.model.generate(**wanted)
    """,
    "main.py": """
        import whisper
        from PIL import Image
        from engines import BaseEngine, LocalEngine

        class PageStage:
            def __init__(self, engine: BaseEngine):
                self.engine = engine

            def run(self, pages):
                return self.engine.predict_batch(pages)

        def merge(path, transcript_items, frames):
            events = [(item.start, item) for item in transcript_items]
            events += [(frame.time, frame) for frame in frames]
            events.sort(key=lambda event: event[0])
            return events

        def main():
            speech = whisper.load_model("base").transcribe("a.wav", initial_prompt="names")
            print(merge("a", speech, [Image.open("a.png")]), PageStage(LocalEngine()).run([]))

        if __name__ == "__main__":
            main()
    """,
}


def test_an_engine_that_stages_run_leads_and_a_list_by_time_comes_last() -> None:
    how = _texts(codebase_of(ENGINES), "multimodal: part=how")
    assert how[0].startswith("`LocalEngine.predict_batch()`"), how
    assert "put together by `self.processor(text, images)`, run by `PageStage`" in how[0]
    assert not any("by time" in text for text in how[:1])


def test_an_image_and_the_words_read_in_it_are_given_to_an_agent_of_a_library() -> None:
    main = """
        from PIL import Image
        from outside_tables import tables

        def fill(image, tables_agent, reader):
            cropped_image = image.crop((0, 0, 9, 9))
            words = reader.get_layout(cropped_image)
            return tables_agent.predict(cropped_image, ocr_tokens=words, result_format="cells")

        if __name__ == "__main__":
            print(fill(Image.open("a.png"), tables.agent, tables.reader))
    """
    codebase = codebase_of({"main.py": main})
    (told,) = _texts(codebase, "fusions: how=given")
    assert "gives text (`words`) and image (`cropped_image`) to `tables_agent.predict` together" in told
    assert _texts(codebase, "multimodal: part=whether")[0].startswith("Yes")


def test_numbers_of_kept_elements_are_no_features() -> None:
    main = """
        import numpy as np
        from PIL import Image

        def merge(image_indices_to_keep, text_element_indices):
            return np.concatenate((image_indices_to_keep, text_element_indices))

        if __name__ == "__main__":
            print(merge(np.asarray(Image.open("a.png")), np.array([1])))
    """
    assert _texts(codebase_of({"main.py": main}), "fusions: how=joined") == []


ATTENDING: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "net.py": """
        import torch
        import torchaudio
        from torch import nn

        class Cross(nn.Module):
            def __init__(self, dim):
                super().__init__()
                self.to_q, self.to_k = nn.Linear(dim, dim), nn.Linear(dim, dim)

            def forward(self, x, media):
                q, k = self.to_q(x), self.to_k(media)
                return torch.einsum("bid,bjd->bij", q, k).softmax(-1) @ media

        class Gated(nn.Module):
            def __init__(self, dim):
                super().__init__()
                self.attn, self.gate = Cross(dim), nn.Parameter(torch.zeros(1))

            def forward(self, x, media):
                return self.attn(x, media) * self.gate.tanh() + x

        class Layer(nn.Module):
            def __init__(self, dim):
                super().__init__()
                self.gated_cross_attn_layer = Gated(dim)
                self.vis_x = None

            def set_pictures(self, vis_x):
                self.vis_x = vis_x

            def forward(self, lang_x):
                return self.gated_cross_attn_layer(lang_x, self.vis_x)

        class Speech(nn.Module):
            def __init__(self, dim):
                super().__init__()
                self.embed_tokens = nn.ModuleList([nn.Embedding(8, dim) for _ in range(4)])
                self.encoder_attn = Cross(dim)

            def forward(self, codes, text_states):
                hidden = sum([self.embed_tokens[codebook](codes[:, codebook]) for codebook in range(4)])
                return self.encoder_attn(hidden, context=text_states)

            def prepared(self, input_values, audio_kwargs, model_input_name):
                audio_hidden = {name: value for name, value in audio_kwargs.items()}
                audio_hidden[model_input_name] = input_values
                return audio_hidden
    """,
    "app.py": """
        import net
        from PIL import Image

        def main(pictures, lang_x, codes, text_states):
            layer, speech = net.Layer(8), net.Speech(8)
            layer.set_pictures(pictures)
            speech.prepared(text_states, {}, "input_values")
            return layer(lang_x), speech(codes, text_states)

        if __name__ == "__main__":
            main(1, 2, 3, 4)
    """,
}


def test_attention_in_classes_of_the_repository_is_told_with_what_attends_to_what() -> None:
    codebase = codebase_of(ATTENDING)
    how = " ".join(_texts(codebase, "multimodal: part=how"))
    assert "lets text (`lang_x`) attend to image (`self.vis_x`) with `self.gated_cross_attn_layer` (`Gated(dim)`" in how
    assert "(`Gated(dim)`, by attention" in how or "attention and sums" in how
    assert "lets audio (`hidden`) attend to text (`text_states`)" in how
    assert not any("audio_hidden" in text for text in _texts(codebase, "fusions"))


def test_models_that_functions_make_are_no_loose_ones_and_folders_say_what_for() -> None:
    net = """
        from torch import nn

        class VisionTower(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = nn.Conv2d(3, 8, 3), nn.Linear(8, 8)

            def forward(self, image):
                return self.b(self.a(image))
    """
    files: dict[str, str | bytes] = {
        "README.md": "Run `python app.py`.\n",
        "tracker/net.py": net.replace("VisionTower", "XNet"),
        "towers.py": net,
        "builder.py": "from towers import VisionTower\n\ndef build(kind):\n    return VisionTower()\n",
        "app.py": """
            from PIL import Image
            from builder import build
            from tracker.net import XNet

            def main(kind):
                state = {"tower": build(kind)}
                return XNet()(Image.open("a.png")), state

            if __name__ == "__main__":
                main("a")
        """,
    }
    told = _texts(codebase_of(files), "vision_functions")
    assert "tracking: `XNet`" in told[0]
    assert not any("no way traced" in text and "VisionTower" in text for text in told)
