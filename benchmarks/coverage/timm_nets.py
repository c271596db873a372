"""timm's nets: one or two of every family, small images."""

from __future__ import annotations

from functools import partial
from typing import Any

from .net import Architecture, Exported
from .torch_export import OLDER, exported, image, seeded
from .torchvision_nets import importable

#: net → (size of the image, arguments)
NETS: dict[str, tuple[int, dict[str, Any]]] = {
    "mixer_s32_224": (64, {"img_size": 64}),
    "resmlp_12_224": (64, {"img_size": 64}),
    "gmlp_s16_224": (64, {"img_size": 64}),
    "deit_tiny_patch16_224": (64, {"img_size": 64}),
    "deit_tiny_distilled_patch16_224": (64, {"img_size": 64}),
    "beit_base_patch16_224": (64, {"img_size": 64, "embed_dim": 192, "num_heads": 3, "depth": 6}),
    "cait_xxs24_224": (64, {"img_size": 64}),
    "coat_tiny": (64, {"img_size": 64}),
    "convit_tiny": (64, {"img_size": 64}),
    "convmixer_768_32": (56, {}),
    "crossvit_9_240": (240, {}),
    "edgenext_xx_small": (64, {}),
    "efficientformer_l1": (224, {}),
    "efficientformerv2_s0": (64, {"img_size": 64}),
    "efficientvit_b0": (64, {}),
    "eva02_tiny_patch14_224": (56, {"img_size": 56}),
    "fastvit_t8": (64, {}),
    "ghostnet_100": (64, {}),
    "hrnet_w18_small": (64, {}),
    "hardcorenas_a": (64, {}),
    "levit_128s": (64, {"img_size": 64}),
    "mobilenetv4_conv_small": (64, {}),
    "mobileone_s0": (64, {}),
    "mobilevit_xxs": (64, {}),
    "mobilevitv2_050": (64, {}),
    "nest_tiny": (224, {}),
    "dm_nfnet_f0": (64, {}),
    "pit_ti_224": (64, {"img_size": 64}),
    "poolformer_s12": (64, {}),
    "pvt_v2_b0": (64, {}),
    "repvgg_a0": (64, {}),
    "repvit_m0_9": (64, {}),
    "res2net50_26w_4s": (64, {}),
    "resnest14d": (64, {}),
    "rexnet_100": (64, {}),
    "seresnet18": (64, {}),
    "selecsls42": (64, {}),
    "sequencer2d_s": (64, {"img_size": 64}),
    "tinynet_a": (64, {}),
    "tiny_vit_5m_224": (224, {}),
    "tnt_s_patch16_224": (64, {"img_size": 64}),
    "twins_pcpvt_small": (64, {"img_size": 64}),
    "visformer_tiny": (64, {"img_size": 64}),
    "volo_d1_224": (64, {"img_size": 64}),
    "xception41": (64, {}),
    "xcit_nano_12_p16_224": (64, {"img_size": 64}),
    "focalnet_tiny_srf": (64, {}),
    "davit_tiny": (64, {}),
    "dla34": (64, {}),
    "dpn68": (64, {}),
    "gcvit_xxtiny": (64, {"img_size": 64}),
    "hiera_tiny_224": (64, {"img_size": 64}),
    "inception_v4": (96, {}),
    "inception_next_atto": (64, {}),
    "mambaout_femto": (64, {}),
    "maxxvit_rmlp_nano_rw_256": (64, {"img_size": 64}),
    "metaformer.caformer_s18": (64, {}),
    "resnetv2_50": (64, {}),
    "starnet_s1": (64, {}),
    "vovnet39a": (64, {}),
    "vit_relpos_small_patch16_224": (64, {"img_size": 64}),
    "swiftformer_xs": (64, {}),
    "shvit_s1": (64, {}),
}


def _net(name: str, size: int, arguments: dict[str, Any]) -> Exported:
    importable()  # timm imports torchvision
    import timm

    x = image(size)
    make = partial(timm.create_model, name.removeprefix("metaformer."), pretrained=False, num_classes=10, **arguments)
    return exported(seeded(make, x), [x], ways=OLDER)


ARCHITECTURES = [
    Architecture(
        f"timm/{n.removeprefix('metaformer.')}",
        "timm",
        partial(_net, n, s, a),
        ", ".join([f"{s}² pixels", *(f"{k}={a[k]}" for k in ("depth", "embed_dim") if k in a)]),
    )
    for n, (s, a) in NETS.items()
]
