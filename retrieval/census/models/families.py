"""Which classes and libraries count as models: base classes, model libraries, and telling method names.

The lists name public libraries and their own class names; nothing here is about any one repository.
"""

import re
from fnmatch import fnmatchcase

from retrieval.census.meaning.body import Binding
from retrieval.languages import words
from retrieval.parse import Tree

BASES = (
    "torch.nn.Module",
    "torch.nn.modules.module.Module",
    "torch.jit.ScriptModule",
    "pytorch_lightning.LightningModule",
    "lightning.LightningModule",
    "lightning.pytorch.LightningModule",
    "tensorflow.keras.Model",
    "tensorflow.keras.layers.Layer",
    "keras.Model",
    "keras.layers.Layer",
    "flax.linen.Module",
    "flax.nnx.Module",
    "haiku.Module",
    "equinox.Module",
    "mlx.nn.Module",
    "paddle.nn.Layer",
    "mindspore.nn.Cell",
    "jittor.Module",
    "tinygrad.nn.Module",
    "sklearn.base.BaseEstimator",
    "sklearn.base.ClassifierMixin",
    "sklearn.base.RegressorMixin",
    "transformers.PreTrainedModel",
    "transformers.*PreTrainedModel",
    "transformers.modeling_utils.PreTrainedModel",
    "transformers.models.*PreTrainedModel",
    "transformers.*Model",
    "transformers.*ForCausalLM",
    "transformers.*ForConditionalGeneration",
    "diffusers.ModelMixin",
    "diffusers.models.modeling_utils.ModelMixin",
    "diffusers.DiffusionPipeline",
    "diffusers.*Pipeline",
    "langchain*.BaseChatModel",
    "langchain*.BaseLLM",
    "langchain*.LLM",
    "torchvision.models.*",
    "timm.models.*",
    "fairseq.models.*",
    "sat.model.*",
    "mmengine.model.BaseModel",
    "mmcv.runner.BaseModule",
)
"""Base classes whose subclasses are models or parts of models."""

LIBRARIES = words(
    """transformers sentence_transformers diffusers timm open_clip clip whisper faster_whisper whisperx
    llama_cpp vllm openai anthropic ollama litellm cohere groq mistralai ultralytics onnxruntime
    tensorrt peft spacy easyocr paddleocr insightface mediapipe detectron2 mmdet mmpretrain
    segment_anything sam2 imagebind lavis ctransformers gpt4all auto_gptq exllamav2 optimum
    bitsandbytes adapters fairseq speechbrain TTS bark flair allennlp gensim fasttext xgboost
    lightgbm catboost sklearn keras google.generativeai google.genai langchain langchain_openai
    langchain_ollama langchain_community langchain_huggingface llama_index crewai autogen dspy
    instructor guidance outlines deepface face_recognition kornia facenet_pytorch demucs
    pyannote pytorchvideo mlx_lm ctranslate2 nemo tensorflow_hub torchaudio.pipelines
    torchvision.models torch.hub huggingface_hub"""
)
"""Libraries that bring models of their own or run them."""

RUNNING = words(
    """forward generate predict predict_proba infer inference encode decode embed embed_query
    embed_documents encode_image encode_text encode_audio get_image_features get_text_features
    transcribe translate chat complete create_chat_completion create_completion invoke ainvoke stream
    astream batch abatch run kickoff call __call__ sample generate_content generate_text
    generate_images rank detect segment classify create"""
)
"""Methods that make a model compute something."""

LOADING = words(
    """from_pretrained from_config from_single_file from_checkpoint load_model load_from_checkpoint
    create_model create_model_and_transforms create_model_from_pretrained pipeline load_file
    load_dataset load_checkpoint_and_dispatch init_empty_weights hf_hub_download snapshot_download
    torch.load torch.hub.load torch.jit.load torch.package.PackageImporter torch.compile
    safetensors.torch.load_file safetensors.safe_open joblib.load keras.models.load_model
    tensorflow.keras.models.load_model tensorflow.saved_model.load jax.jit"""
)
"""Functions that bring a model (or its weights) into memory: last names, and whole dotted names."""

STEPS = words(
    """torch.save torch.nn.DataParallel torch.nn.parallel.DistributedDataParallel torch.onnx.export
    torch.distributed.fsdp.FullyShardedDataParallel torch.distributed.init_process_group
    torch.utils.data.DataLoader torch.utils.data.distributed.DistributedSampler webdataset.WebLoader
    torch.jit.trace torch.jit.script torch.jit.save torch.multiprocessing.spawn accelerate.Accelerator
    deepspeed.initialize horovod.torch.DistributedOptimizer transformers.Trainer pytorch_lightning.Trainer
    lightning.Trainer safetensors.torch.save_file joblib.dump"""
)
"""Functions and classes of libraries that are steps of a training or an inference of their own."""

OPTIMIZER = re.compile(
    r"^(?:torch|apex|bitsandbytes|tensorflow\.keras|keras)\.optim\w*(?:\.\w+)*\.[A-Z]\w*$|create_optimizer\w*$"
)
"""Dotted names of optimizers, learning-rate schedules and functions that make them."""

LOSSES = re.compile(r"(?:^|_)(?:loss|criterion|loss_fn|loss_func|loss_function)$")
"""Names of variables that hold a loss function."""

STEPPING = re.compile(r"(?:^|_)(?:optimizer|optim|opt|lr_scheduler|scheduler|scaler)\w*$", re.IGNORECASE)
"""Names of variables on which `.step()` is a step of a training."""

MODELISH = re.compile(
    r"(?:^|_)(?:model|net|network|encoder|decoder|llm|lm|pipe|pipeline|vae|unet|generator|"
    r"discriminator|backbone|transformer|clip|bert|gpt|tower|teacher|student|classifier|"
    r"detector|segmenter|agent|unet3d|text_model|vision_model|adapter|controlnet|denoiser|vocoder|upsampler|enhancer)\d*$"
)
"""Names that people give to variables that hold a model."""

SETUP = re.compile(
    r"(?:get|set|load|build|create|make|init|initiali[sz]e|from|lock|unlock|freeze|unfreeze|save|reset|prepare|update|"
    r"convert|compile|wrap|unwrap|register|install|prune|tie|resize|enable|disable|export|print|"
    r"named|no|add|remove|move|is|has|log|parse|download|fetch|configure|setup|replace|patch|trace|"
    r"list|find|push|warm|warmup|check|count|show|describe|test|train|eval|gradient|reinit|merge|clone|copy|"
    r"unload|offload|stop|close|shutdown|release|cancel|abort|clear|flush|free|terminate|wait)"
    r"(?:_|\Z)"
)
"""Beginnings of names of functions that prepare a model or tell about it, and compute nothing with it."""

CONSTRUCTING = words("from_pretrained from_config load_from_checkpoint from_checkpoint from_single_file")
"""Class methods of outside base classes that give an object of the class they are called on."""

COMPANIONS = re.compile(
    r"Tokenizer|Processor|Extractor|Criteria|Config|Scheduler|Dataset|Collator|Arguments|Trainer|"
    r"Callback|Template|Loader|Splitter|Processing|ExtractionMixin|Cache|Streamer|Output(?![a-z])|SessionOptions|RunOptions|IOBinding|OrtValue|tokeniz|(?<!model_and_)transforms"
)
"""Names of things in model libraries that are not models."""


def gives_first(tree: Tree, binding: Binding) -> bool:
    """Whether a name is the first of what a constructing class method gives: `model, args = Net.from_pretrained(…)`."""
    node = binding.value
    callee = node.child_by_field_name("function") if node is not None and node.type == "call" else None
    return binding.index == 0 and callee is not None and tree.text(callee).rpartition(".")[2] in CONSTRUCTING


def library(name: str) -> str:
    """The model library that a dotted outside name belongs to, "" for none."""
    parts = name.split(".")
    for size in (1, 2):
        if ".".join(parts[:size]) in LIBRARIES:
            return ".".join(parts[:size])
    return ""


def is_library_model(maker: str) -> bool:
    """Whether what `maker` gives is a model of a library, not a tokenizer, a dataset or the like."""
    return bool(library(maker)) and not COMPANIONS.search(maker)


def is_model_base(name: str) -> bool:
    """Whether a dotted outside name is one of `BASES`."""
    return any(fnmatchcase(name, base) for base in BASES)


def snake(name: str) -> str:
    """`MyNet` as `my_net`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
