"""Values of different modalities: where they come from, where they meet, and how images reach models."""

import pytest

from retrieval.census import run_query
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.modalities.modalities import modalities
from retrieval.census.modalities.modality_names import documented, named
from retrieval.codebase import Codebase
from retrieval.errors import QueryError
from tests.source_tree import codebase_of

APP: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "nets.py": """
        import torch
        from torch import nn

        class Driver(nn.Module):
            def __init__(self):
                super().__init__()
                self.audio_encoder = nn.Linear(80, 8)
                self.out = nn.Linear(9, 9)
            def forward(self, x, ref, ratio):
                x = self.audio_encoder(x).view(x.size(0), -1)
                ref_flat = ref.reshape(x.size(0), -1)
                return self.out(torch.cat([x, ref_flat, ratio], dim=1))

        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.cross_attn = nn.MultiheadAttention(8, 2)
            def forward(self, x, xa):
                return self.cross_attn(x, xa, xa)

        class Recon(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 3, 3)
            def forward(self, x):
                plain = torch.cat([x, x * 2], dim=1)
                return self.conv(plain)

        class AudioConv2d(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(1, 1, 3)
            def forward(self, mel): return self.conv(mel)
    """,
    "app.py": """
        import cv2
        import numpy as np
        import torch
        from nets import AudioConv2d, Block, Driver, Recon

        def read(path, size=224):
            frame = cv2.imread(path)
            frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            frame = cv2.resize(frame, (size, size))
            tensor = torch.tensor(np.array(frame) / 255.0, dtype=torch.float32).permute(2, 0, 1)
            return tensor.unsqueeze(0)

        def batch_of(mels, coeffs, ratio):
            batch = {"indiv_mels": mels, "ratio": ratio}
            batch["ref"] = torch.FloatTensor(coeffs["coeff_3dmm"])
            return batch

        def caption(image_features, tokens):
            embedded = embed_tokens(tokens)
            scores = image_features @ embedded.T
            return torch.cat([image_features, embedded]), scores

        def embed_tokens(ids): return ids

        def align(transcript, audio, threshold): return audio

        def main(path):
            recon, driver, block, ears = Recon(), Driver(), Block(), AudioConv2d()
            full_coeff = recon(read(path))
            batch = batch_of(np.load("m"), {"coeff_3dmm": full_coeff}, 1)
            moved = driver(batch["indiv_mels"], batch["ref"], batch["ratio"])
            heard = ears(batch["indiv_mels"])
            text_features = caption(moved, np.load("ids"))[0]
            block(text_features, heard)
            cv2.imwrite("out.png", moved)

        if __name__ == "__main__":
            main("a.png")
    """,
}


@pytest.fixture(scope="module")
def app() -> Codebase:
    return codebase_of(APP)


def _texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_features_that_meet_are_traced_to_their_modalities(app: Codebase) -> None:
    joined = _texts(app, "fusions: how=joined")
    assert joined == [
        "`Driver.forward()` joins audio (`x`, from `self.audio_encoder(x)`) and motion (`ref_flat`, from "
        '`coeffs["coeff_3dmm"]`): `torch.cat([x, ref_flat, ratio], dim=1)`',
        "`caption()` joins image (`image_features`) and text (`embedded`, from `embed_tokens(tokens)`): "
        "`torch.cat([image_features, embedded])`",
    ]


def test_attention_and_products_of_two_modalities(app: Codebase) -> None:
    [attended] = _texts(app, "fusions: how=attended")
    assert attended.startswith("`Block.forward()` lets text (`x`, from `text_features`) attend to audio (`xa`, ")
    [compared] = _texts(app, "fusions: how=compared")
    assert compared.endswith("`image_features @ embedded.T`")
    with pytest.raises(QueryError):
        run_query(app, "fusions: how=mixed")


def test_functions_of_two_modalities(app: Codebase) -> None:
    assert "`align()` takes text (`transcript`) and audio (`audio`)" in _texts(app, "multimodal_functions")


def test_vision_models_are_told_by_what_they_take(app: Codebase) -> None:
    assert [hit.name for hit in run_query(app, "vision_models").hits] == ["`Recon`"]


def test_the_way_of_an_image_into_a_model(app: Codebase) -> None:
    [text] = _texts(app, "vision_runs: Recon")
    steps = [step.strip("`") for step in text.partition(" is made by ")[2].partition(" (chan")[0].split(", then ")]
    assert steps[0] == "cv2.imread(path)"
    assert steps[1:3] == ["cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)", "cv2.resize(frame, (size, size))"]
    assert steps[-2:] == [".permute(2, 0, 1)", ".unsqueeze(0)"]
    assert text.endswith("(channels first, in a batch, values 0 to 1, RGB, float32)")
    [embedding] = _texts(app, "image_embeddings")
    assert embedding == "`Recon` makes coefficients of an image: `recon(read(path))` in `main()`, kept as `full_coeff`"


def test_work_on_images_by_function(app: Codebase) -> None:
    work = _texts(app, "image_work: resizing*")
    assert work == [
        "`read()` (reading, colours and normalisation, resizing and cropping): `cv2.imread(path)`, "
        "`cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)`, `cv2.resize(frame, (size, size))`"
    ]
    assert len(_texts(app, "image_work: writing")) == 1


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("image_features", "image"),
        ("audio_encoder", "audio"),
        ("driving_video", "video"),
        ("input_ids", "text"),
        ("coeff_3dmm", "motion"),
        ("image_text_embeds", ""),
        ("image_size", ""),
        ("num_frames", ""),
        ("audio_frame", "audio"),
        ("text_temp", ""),
        ("polygons_from_bitmap", ""),
        ("x", ""),
    ],
)
def test_what_a_name_says(name: str, modality: str) -> None:
    assert named(name) == modality


def test_the_geometry_of_an_image_masks_and_positions_are_no_modality() -> None:
    codebase = codebase_of(
        {
            "README.md": "Run `python app.py`.\n",
            "app.py": """
                import numpy as np
                import torch
                from transformers import BertConfig

                def outline(landmarks, face_points, pose_coeffs):
                    return np.concatenate((face_points, landmarks)), np.concatenate((face_points, pose_coeffs))

                def attend(image_features, text_mask):
                    settings = BertConfig.from_pretrained("bert")
                    positional_embedding = torch.nn.Embedding(settings.size, 2)(image_features)
                    return torch.einsum("ij,jk", image_features, text_mask), settings @ image_features

                if __name__ == "__main__":
                    outline(1, 2, 3), attend(1, 2)
            """,
        }
    )
    assert _texts(codebase, "fusions") == []


def test_inputs_of_one_call_lists_drawn_together_and_added_segments() -> None:
    codebase = codebase_of(
        {
            "README.md": "Run `python app.py`.\n",
            "net.py": """
                import torch
                from torch import nn

                class Talker(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.wte, self.out = nn.Embedding(8, 8), nn.Linear(8, 8)
                    def forward(self, idx):
                        return self.out(self.wte(idx[:, :4]) + self.wte(idx[:, 4:8]))
            """,
            "app.py": """
                import librosa
                import numpy as np
                import torch
                from PIL import Image
                from net import Talker

                def mixed(text_parts, image_list):
                    both = [x for pair in zip(text_parts, image_list) for x in pair] + [text_parts[-1]]
                    return torch.cat(both, dim=1)

                def lips(sessions, audio_frame, crop_frame, threshold):
                    return sessions.get("lips").run(None, {"source": audio_frame, "target": crop_frame, "x": threshold})

                def masks(text, speech):
                    none = speech * 0
                    return torch.matmul(text, none).bool()

                def main(encoded_text, waveform):
                    talker = Talker()
                    talker(torch.from_numpy(np.hstack([encoded_text, waveform])))
                    mixed(1, 2), lips(1, 2, 3, 4), masks(1, 2)

                if __name__ == "__main__":
                    main(np.load("t"), librosa.load("a.wav"))
            """,
        }
    )
    joined = [text.partition(": ")[0] for text in _texts(codebase, "fusions: how=joined")]
    assert sorted(joined) == [
        "`Talker.forward()` joins text (`encoded_text`) and audio (`waveform`)",
        "`main()` joins text (`encoded_text`) and audio (`waveform`)",
        "`mixed()` joins text (`text_parts`) and image (`image_list`)",
    ]
    [given] = _texts(codebase, "fusions: how=given")
    assert given.startswith("`lips()` gives audio (`audio_frame`) and image (`crop_frame`) to one model together")
    assert not _texts(codebase, "fusions: how=compared")


def test_the_hub_is_no_face_and_what_a_model_gives_is_made_of_its_arguments() -> None:
    assert named("hugging_face_token") == named("HuggingFaceHub") == ""
    assert documented("  token: Hugging Face token, or True to use the one of the HuggingFace folder", "token") == ""
    source = """
        import ctranslate2
        import librosa

        def fetch(image_folder):
            return image_folder

        class Speech:
            def __init__(self, image_folder):
                self.model = ctranslate2.models.Whisper(fetch(image_folder))

            def heard(self, path):
                waveform = librosa.load(path)
                given = self.model.encode(waveform)
                return given
    """
    program = program_of(codebase_of({"speech.py": source}))
    frame = program.frame("speech.py", program.definition("speech.py", "Speech.heard"))
    assert frame is not None
    given = next(binding for binding in frame.body.bindings if binding.name == "given")
    spot = Spot(frame, given.value, guards=())  # type: ignore[arg-type]
    assert [told.modality for told in modalities(tracer_of(program), spot)] == ["audio"]


def test_features_that_are_written_among_those_of_another_modality() -> None:
    codebase = codebase_of(
        {
            "net.py": """
                import torch
                from torch import nn

                class Embed(nn.Module):
                    def __init__(self, num_audio_tokens, num_text_tokens):
                        super().__init__()
                        self.emb_code = nn.ModuleList([nn.Embedding(num_audio_tokens, 8) for _ in range(4)])
                        self.emb_text = nn.Embedding(num_text_tokens, 8)
                    def forward(self, input_ids, mask):
                        words = self.emb_text(input_ids[mask])
                        codes = torch.stack([self.emb_code[i](input_ids[~mask][:, i]) for i in range(4)], 2).sum(2)
                        emb = torch.zeros(input_ids.shape)
                        emb[mask] = words
                        emb[~mask] = codes.to(emb.dtype)
                        return emb

                class Chat(nn.Module):
                    def __init__(self, tower, lm):
                        super().__init__()
                        self.tower, self.lm = tower, lm
                    def merge(self, input_ids, pixel_values, seen):
                        inputs_embeds = self.lm.get_input_embeddings()(input_ids)
                        image_embeds = self.tower(pixel_values)
                        inputs_embeds[seen] = image_embeds[0]
                        return inputs_embeds
                    def scatter(self, input_ids, pixel_values, seen):
                        inputs_embeds = self.lm.get_input_embeddings()(input_ids)
                        inputs_embeds = inputs_embeds.masked_scatter(seen, self.tower(pixel_values))
                        return inputs_embeds
                    def voice(self, text_emb, spk_emb, seen):
                        return torch.where(seen, spk_emb, text_emb)
                    def plain(self, input_ids, image_token_id, text_emb, past_key_values, cond):
                        padded = torch.zeros(3)
                        padded[0] = text_emb
                        input_ids[cond] = image_token_id
                        return torch.cat([text_emb, past_key_values.view(1), image_token_id * torch.ones(1)])
            """,
            "app.py": """
                import librosa
                from PIL import Image
                from net import Chat, Embed
                from transformers import AutoTokenizer

                Embed(8, 8)(1, 2)
                chat = Chat(None, None)
                chat.merge(1, Image.open("a.png"), 3), chat.scatter(1, Image.open("a.png"), 3)
                chat.voice(1, 2, 3), chat.plain(1, 2, 3, 4, 5)
            """,
        }
    )
    assert {hit.symbol: hit.name for hit in run_query(codebase, "fusions: how=joined").hits} == {
        "Embed.forward": "text + audio", "Chat.merge": "text + image", "Chat.scatter": "text + image",
        "Chat.voice": "voice + text",
    }  # fmt: skip
    said = run_query(codebase, "multimodal: part=whether").hits[0].text
    assert "writes image (`image_embeds[0]`) into text (`inputs_embeds`) at `seen`" in said
    how = run_query(codebase, "multimodal: part=how").hits[0].text
    assert "into `emb`, each at its own places" in said + how


def test_what_was_found_in_an_image_is_put_into_a_prompt() -> None:
    source = """
        from PIL import Image

        def build_prompt(page, base):
            parts = []
            for cluster in page.clusters:
                bbox = cluster.box.as_tuple()
                parts.append(f"<{cluster.label}>{bbox}</{cluster.label}>")
            prompt = base + "".join(parts)
            return prompt

        def plain_prompt(name, box_format="xyxy"):
            prompt = f"Find {name} as {box_format}"
            return prompt

        def box_prompt(boxes, model):
            prompt = model.embed(boxes)
            return prompt[boxes]

        def draw(boxes):
            for box in boxes:
                print(box)

        if __name__ == "__main__":
            print(build_prompt(Image.open("a.png"), ""), plain_prompt("x"), box_prompt(1, 2))
    """
    hits = run_query(codebase_of({"app.py": source}), "fusions: how=prompted").hits
    assert [hit.symbol for hit in hits] == ["build_prompt"]
    assert hits[0].text.startswith("`build_prompt()` puts `bbox`, found in an image, as text into the prompt (`prompt`")
    blind = source.replace("from PIL import Image", "import json").replace("Image.open", "json.load")
    assert not run_query(codebase_of({"app.py": blind}), "fusions: how=prompted").hits


def test_pieces_of_one_text_beside_features_of_a_video_are_joined_with_them() -> None:
    source = """
        import torch
        from torch import nn

        class Joint(nn.Module):
            def splice(self, input_ids, video):
                at = int((input_ids == -201).nonzero()[0])
                mm_features = self.video_encoder(video)
                before = self.embed_tokens(input_ids[:at])
                after = self.embed_tokens(input_ids[at + 1 :])
                return torch.cat([before, mm_features, after], dim=0)

            def whole(self, video):
                return torch.cat([video[:4], video[4:]], dim=0)
    """
    hits = run_query(codebase_of({"model.py": source}), "fusions: how=joined").hits
    assert [hit.symbol for hit in hits] == ["Joint.splice"]
    assert "text (`before`" in hits[0].text and "video (`mm_features`" in hits[0].text
