"""transformers' architectures, every kind of block they have, with few layers and narrow: text, images, sound, series."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .net import Architecture, Exported
from .torch_export import ONE_SAMPLE, Only, exported, image, noise, seeded, tokens
from .torchvision_nets import importable

Feeds = Callable[[], dict[str, Tensor]]


@dataclass(frozen=True)
class Row:
    """`net`, `config`: transformers' classes. `feeds`: argument → data. `keep`: which outputs."""

    net: str
    config: str
    settings: dict[str, Any]
    feeds: Feeds
    keep: tuple[str, ...] = ("logits",)
    fixed: dict[str, Any] = field(default_factory=dict)


def _ids() -> dict[str, Tensor]:
    return {"input_ids": tokens()}


def _masked() -> dict[str, Tensor]:
    mask = torch.ones(2, 8, dtype=torch.int64)
    mask[1, 6:] = 0
    return {"input_ids": tokens(), "attention_mask": mask}


def _pair() -> dict[str, Tensor]:
    return {"input_ids": tokens(), "decoder_input_ids": tokens(5)}


def _pixels(size: int = 32) -> dict[str, Tensor]:
    return {"pixel_values": image(size)}


def _wave(length: int = 1600) -> dict[str, Tensor]:
    return {"input_values": noise(2, length)}


_CLASSES = {"num_labels": 4}
_TEXT = {"vocab_size": 100, "max_position_embeddings": 32, "pad_token_id": 0}
_ENCODER = {
    **_TEXT,
    **_CLASSES,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
_DECODER = {**_ENCODER, "bos_token_id": 1, "eos_token_id": 2}
_GROUPED = {**_DECODER, "num_key_value_heads": 2}
_VIT = {
    **_CLASSES,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
}
_SEQ2SEQ = {
    **_TEXT, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "decoder_start_token_id": 1,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
_T5 = {
    "vocab_size": 100,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "pad_token_id": 0,
    "decoder_start_token_id": 0,
}
_WAVE = {
    **_CLASSES, "vocab_size": 20, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "conv_dim": (32, 32, 32), "conv_kernel": (10, 3, 3), "conv_stride": (5, 2, 2), "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, "classifier_proj_size": 16,
}  # fmt: skip
_NO_CACHE = {"use_cache": False}

ROWS: dict[str, Row] = {
    "bert": Row("BertForSequenceClassification", "BertConfig", _ENCODER, _masked),
    "bert, token classes": Row("BertForTokenClassification", "BertConfig", _ENCODER, _masked),
    "distilbert": Row("DistilBertForSequenceClassification", "DistilBertConfig", {**_TEXT, **_CLASSES, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48}, _masked),
    "roberta": Row("RobertaForSequenceClassification", "RobertaConfig", _ENCODER, _masked),
    "xlm-roberta": Row("XLMRobertaForTokenClassification", "XLMRobertaConfig", _ENCODER, _masked),
    "albert": Row("AlbertForSequenceClassification", "AlbertConfig", {**_ENCODER, "embedding_size": 16}, _masked),
    "electra": Row("ElectraForSequenceClassification", "ElectraConfig", {**_ENCODER, "embedding_size": 16}, _masked),
    "deberta": Row("DebertaForSequenceClassification", "DebertaConfig", {**_ENCODER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]}, _masked),
    "deberta-v2": Row("DebertaV2ForSequenceClassification", "DebertaV2Config", {**_ENCODER, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]}, _masked),
    "mobilebert": Row("MobileBertForSequenceClassification", "MobileBertConfig", {**_ENCODER, "embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16}, _masked),
    "squeezebert": Row("SqueezeBertForSequenceClassification", "SqueezeBertConfig", {**_ENCODER, "embedding_size": 32}, _masked),
    "mpnet": Row("MPNetForSequenceClassification", "MPNetConfig", _ENCODER, _masked),
    "camembert": Row("CamembertForSequenceClassification", "CamembertConfig", _ENCODER, _masked),
    "modernbert": Row("ModernBertForSequenceClassification", "ModernBertConfig", {**_DECODER, "cls_token_id": 1, "sep_token_id": 2}, _masked),
    "nomic-style rope": Row("RoFormerForSequenceClassification", "RoFormerConfig", {**_ENCODER, "embedding_size": 32}, _masked),
    "funnel": Row("FunnelForSequenceClassification", "FunnelConfig", {"vocab_size": 100, "block_sizes": [1, 1], "d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 48, **_CLASSES}, _masked),
    "fnet": Row("FNetForSequenceClassification", "FNetConfig", _ENCODER, _ids),
    "xlnet": Row("XLNetForSequenceClassification", "XLNetConfig", {"vocab_size": 100, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48, **_CLASSES}, _masked, fixed={"use_mems": False}),
    "longformer": Row("LongformerForSequenceClassification", "LongformerConfig", {**_ENCODER, "attention_window": 4}, _masked),
    "big bird": Row("BigBirdForSequenceClassification", "BigBirdConfig", {**_ENCODER, "attention_type": "original_full"}, _masked),
    "perceiver-style canine": Row("CanineForSequenceClassification", "CanineConfig", {**_ENCODER, "max_position_embeddings": 64, "local_transformer_stride": 8}, _masked),
    "gpt2": Row("GPT2LMHeadModel", "GPT2Config", {"vocab_size": 100, "n_positions": 32, "n_embd": 32, "n_layer": 2, "n_head": 4}, _masked, fixed=_NO_CACHE),
    "gpt-neo": Row("GPTNeoForCausalLM", "GPTNeoConfig", {"vocab_size": 100, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": 4, "max_position_embeddings": 32}, _masked, fixed=_NO_CACHE),
    "gpt-neox": Row("GPTNeoXForCausalLM", "GPTNeoXConfig", _DECODER, _masked, fixed=_NO_CACHE),
    "gpt-j": Row("GPTJForCausalLM", "GPTJConfig", {"vocab_size": 100, "n_positions": 32, "n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4}, _masked, fixed=_NO_CACHE),
    "opt": Row("OPTForCausalLM", "OPTConfig", {**_DECODER, "ffn_dim": 48, "word_embed_proj_dim": 32}, _masked, fixed=_NO_CACHE),
    "bloom": Row("BloomForCausalLM", "BloomConfig", {"vocab_size": 100, "hidden_size": 32, "n_layer": 2, "n_head": 4}, _masked, fixed=_NO_CACHE),
    "falcon": Row("FalconForCausalLM", "FalconConfig", _DECODER, _masked, fixed=_NO_CACHE),
    "llama": Row("LlamaForCausalLM", "LlamaConfig", _GROUPED, _masked, fixed=_NO_CACHE),
    "mistral": Row("MistralForCausalLM", "MistralConfig", {**_GROUPED, "sliding_window": 4}, _masked, fixed=_NO_CACHE),
    "mixtral": Row("MixtralForCausalLM", "MixtralConfig", {**_GROUPED, "num_local_experts": 4}, _masked, fixed=_NO_CACHE),
    "qwen2": Row("Qwen2ForCausalLM", "Qwen2Config", _GROUPED, _masked, fixed=_NO_CACHE),
    "qwen3": Row("Qwen3ForCausalLM", "Qwen3Config", {**_GROUPED, "head_dim": 8}, _masked, fixed=_NO_CACHE),
    "gemma": Row("GemmaForCausalLM", "GemmaConfig", {**_GROUPED, "head_dim": 8}, _masked, fixed=_NO_CACHE),
    "gemma 2": Row("Gemma2ForCausalLM", "Gemma2Config", {**_GROUPED, "head_dim": 8, "sliding_window": 4}, _masked, fixed=_NO_CACHE),
    "phi": Row("PhiForCausalLM", "PhiConfig", _DECODER, _masked, fixed=_NO_CACHE),
    "phi-3": Row("Phi3ForCausalLM", "Phi3Config", _GROUPED, _masked, fixed=_NO_CACHE),
    "stablelm": Row("StableLmForCausalLM", "StableLmConfig", _DECODER, _masked, fixed=_NO_CACHE),
    "olmo 2": Row("Olmo2ForCausalLM", "Olmo2Config", _DECODER, _masked, fixed=_NO_CACHE),
    "mamba": Row("MambaForCausalLM", "MambaConfig", {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4, "pad_token_id": 0}, _ids, fixed=_NO_CACHE),
    "t5": Row("T5ForConditionalGeneration", "T5Config", _T5, _pair, fixed=_NO_CACHE),
    "mt5, gated": Row("MT5ForConditionalGeneration", "MT5Config", {**_T5, "feed_forward_proj": "gated-gelu"}, _pair, fixed=_NO_CACHE),
    "bart": Row("BartForConditionalGeneration", "BartConfig", _SEQ2SEQ, _pair, fixed=_NO_CACHE),
    "marian": Row("MarianMTModel", "MarianConfig", _SEQ2SEQ, _pair, fixed=_NO_CACHE),
    "pegasus": Row("PegasusForConditionalGeneration", "PegasusConfig", _SEQ2SEQ, _pair, fixed=_NO_CACHE),
    "whisper": Row("WhisperForConditionalGeneration", "WhisperConfig", {**_SEQ2SEQ, "num_mel_bins": 16, "max_source_positions": 20, "max_target_positions": 16}, lambda: {"input_features": noise(2, 16, 40), "decoder_input_ids": tokens(5)}, fixed=_NO_CACHE),
    "speech to text": Row("Speech2TextForConditionalGeneration", "Speech2TextConfig", {**_SEQ2SEQ, "input_feat_per_channel": 16, "conv_channels": 32, "max_source_positions": 40, "max_target_positions": 16}, lambda: {"input_features": noise(2, 40, 16), "decoder_input_ids": tokens(5)}, fixed=_NO_CACHE),
    "wav2vec2": Row("Wav2Vec2ForSequenceClassification", "Wav2Vec2Config", _WAVE, _wave),
    "wav2vec2, CTC": Row("Wav2Vec2ForCTC", "Wav2Vec2Config", {**_WAVE, "do_stable_layer_norm": True, "feat_extract_norm": "layer"}, _wave),
    "hubert": Row("HubertForSequenceClassification", "HubertConfig", _WAVE, _wave),
    "wavlm": Row("WavLMForSequenceClassification", "WavLMConfig", _WAVE, _wave),
    "audio spectrogram transformer": Row("ASTForAudioClassification", "ASTConfig", {**_VIT, "num_mel_bins": 32, "max_length": 40}, lambda: {"input_values": noise(2, 40, 32)}),
    "vit": Row("ViTForImageClassification", "ViTConfig", _VIT, _pixels),
    "vit, masked autoencoder": Row("ViTMAEModel", "ViTMAEConfig", {**_VIT, "mask_ratio": 0.0}, lambda: {**_pixels(), "noise": noise(2, 16)}, ("last_hidden_state",)),
    "deit": Row("DeiTForImageClassification", "DeiTConfig", _VIT, _pixels),
    "beit": Row("BeitForImageClassification", "BeitConfig", {**_VIT, "use_relative_position_bias": True}, _pixels),
    "dinov2": Row("Dinov2ForImageClassification", "Dinov2Config", _VIT, _pixels),
    "swin": Row("SwinForImageClassification", "SwinConfig", {**_CLASSES, "image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4}, _pixels),
    "convnext v2": Row("ConvNextV2ForImageClassification", "ConvNextV2Config", {**_CLASSES, "image_size": 32, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 2, 1]}, _pixels),
    "poolformer": Row("PoolFormerForImageClassification", "PoolFormerConfig", {**_CLASSES, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}, _pixels),
    "mobilevit": Row("MobileViTForImageClassification", "MobileViTConfig", {**_CLASSES, "image_size": 64, "hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 8, 16, 16, 24, 24, 32], "num_attention_heads": 4}, partial(_pixels, 64)),
    "segformer": Row("SegformerForSemanticSegmentation", "SegformerConfig", {**_CLASSES, "hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 2, 4], "decoder_hidden_size": 16}, partial(_pixels, 64)),
    "mobilevit, segmentation": Row("MobileViTForSemanticSegmentation", "MobileViTConfig", {**_CLASSES, "image_size": 64, "hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 8, 16, 16, 24, 24, 32], "num_attention_heads": 4, "aspp_out_channels": 16, "atrous_rates": [2, 3, 4]}, partial(_pixels, 64)),
    "dpt, depth": Row("DPTForDepthEstimation", "DPTConfig", {**_VIT, "num_hidden_layers": 4, "backbone_out_indices": [0, 1, 2, 3], "neck_hidden_sizes": [8, 8, 16, 16], "fusion_hidden_size": 16, "readout_type": "project"}, _pixels, ("predicted_depth",)),
    "detr": Row("DetrForObjectDetection", "DetrConfig", {"use_timm_backbone": False, "use_pretrained_backbone": False, "num_queries": 5, "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, **_CLASSES}, lambda: {"pixel_values": image(64), "pixel_mask": torch.ones(2, 64, 64, dtype=torch.int64)}, ("logits", "pred_boxes")),
    "yolos": Row("YolosForObjectDetection", "YolosConfig", {**_VIT, "image_size": [32, 32], "num_detection_tokens": 5, "use_mid_position_embeddings": False}, _pixels, ("logits", "pred_boxes")),
    "clip": Row("CLIPModel", "CLIPConfig", {"text_config": {**_DECODER, "projection_dim": 16}, "vision_config": {**_VIT, "projection_dim": 16}, "projection_dim": 16}, lambda: {**_masked(), **_pixels()}, ("logits_per_image",)),
    "siglip": Row("SiglipModel", "SiglipConfig", {"text_config": _ENCODER, "vision_config": _VIT}, lambda: {**_ids(), **_pixels()}, ("logits_per_image",)),
    "vilt": Row("ViltModel", "ViltConfig", {**_VIT, "vocab_size": 100, "max_position_embeddings": 16}, lambda: {**_masked(), **_pixels()}, ("pooler_output",)),
    "videomae": Row("VideoMAEForVideoClassification", "VideoMAEConfig", {**_VIT, "num_frames": 4}, lambda: {"pixel_values": noise(2, 4, 3, 32, 32)}),
    "timesformer": Row("TimesformerForVideoClassification", "TimesformerConfig", {**_VIT, "num_frames": 4}, lambda: {"pixel_values": noise(2, 4, 3, 32, 32)}),
    "layoutlm": Row("LayoutLMForSequenceClassification", "LayoutLMConfig", _ENCODER, lambda: {**_masked(), "bbox": tokens(32).reshape(2, 8, 4).sort(-1).values}),
    "patchtst": Row("PatchTSTForClassification", "PatchTSTConfig", {"num_input_channels": 3, "context_length": 32, "patch_length": 8, "patch_stride": 4, "d_model": 16, "num_attention_heads": 4, "ffn_dim": 32, "num_hidden_layers": 2, "num_targets": 4}, lambda: {"past_values": noise(2, 32, 3)}, ("prediction_logits",)),
    "patchtsmixer": Row("PatchTSMixerForPrediction", "PatchTSMixerConfig", {"num_input_channels": 3, "context_length": 32, "prediction_length": 8, "patch_length": 8, "patch_stride": 8, "d_model": 16, "num_layers": 2}, lambda: {"past_values": noise(2, 32, 3)}, ("prediction_outputs",)),
    "time series transformer": Row("PatchTSTForPrediction", "PatchTSTConfig", {"num_input_channels": 3, "context_length": 32, "prediction_length": 8, "patch_length": 8, "patch_stride": 8, "d_model": 16, "num_attention_heads": 4, "ffn_dim": 32, "num_hidden_layers": 2, "loss": "mse"}, lambda: {"past_values": noise(2, 32, 3)}, ("prediction_outputs",)),
    "decision transformer": Row("DecisionTransformerModel", "DecisionTransformerConfig", {"state_dim": 5, "act_dim": 3, "hidden_size": 32, "n_layer": 2, "n_head": 4, "max_ep_len": 16}, lambda: {"states": noise(2, 4, 5), "actions": noise(2, 4, 3), "returns_to_go": noise(2, 4, 1), "timesteps": torch.arange(4).repeat(2, 1), "attention_mask": torch.ones(2, 4)}, ("action_preds",)),
}  # fmt: skip


def _net(row: Row) -> Exported:
    importable()  # transformers imports torchvision where it is installed
    import transformers

    config = getattr(transformers, row.config)(**row.settings)
    config._attn_implementation = "eager"
    feeds = row.feeds()
    build = getattr(transformers, row.net)
    net = seeded(lambda: Only(build(config), list(feeds), row.keep, **row.fixed), *feeds.values(), grow=True)
    return exported(net, list(feeds.values()), list(feeds), ONE_SAMPLE)


ARCHITECTURES = [Architecture(f"hf/{n}", "Hugging Face", partial(_net, r), "tiny") for n, r in ROWS.items()]
