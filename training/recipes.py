"""The recipes by name: our own models, torchvision's backbones, and fine-tuning; a variant is a function.

``python -m training.train NAME --data fer2013.csv --votes fer2013new.csv`` runs one. Times are
for two CPU cores. The backbones of torchvision have two budgets each: `…_short` for hours of a CPU, the other
for a GPU.
"""

from collections.abc import Callable
from dataclasses import asdict, replace

from fusion_model.backbones import BackboneConfig
from fusion_model.branches import MlpConfig, PixelConfig
from training.augment import Augmentation
from training.recipe import Recipe

#: The landmark branch.
LANDMARKS = MlpConfig(hidden=480, dropout=0.2, blocks=2)
#: As many parameters as `LANDMARKS`, within one in a hundred, on a pixel branch's 256 features.
EXTRA = MlpConfig(hidden=900, dropout=0.2, blocks=1)
#: Pictures as photographs of any source may be: noisy, blurred, sharpened, stored as JPEG.
ROUGH = Augmentation(blur=0.4, blur_most=1.2, sharpen=0.3, noise=0.5, noise_most=0.2, jpeg=0.3)
#: The same of heads held otherwise, and of faces longer and shorter than they are.
TURNED = replace(ROUGH, head_turn=15.0, stretch=0.06)


def cnn() -> Recipe:
    """The CNN alone: the pixel branch and a linear layer, with a second head on FER+ votes. About an hour."""
    return Recipe(
        name="cnn",
        kind="cnn",
        config={"pixels": asdict(PixelConfig()), "dropout": 0.3},
        epochs=24,
        votes_weight=0.5,
    )


def cnn_longer() -> Recipe:
    """The CNN, trained on from the end of `cnn`, which still learned: 16 more epochs. About 35 minutes."""
    return replace(
        cnn(),
        name="cnn_longer",
        epochs=16,
        learning_rate=0.04,
        warmup=0.1,
        parts={"pixel_branch": "cnn", "head": "cnn"},
    )


def cnn_face() -> Recipe:
    """The CNN, trained on from the end of `cnn_longer` on the face alone: 6 more epochs. About 20 minutes."""
    return replace(
        cnn_longer(),
        name="cnn_face",
        epochs=6,
        config={"pixels": asdict(PixelConfig(face_only=True)), "dropout": 0.3},
        parts={"pixel_branch": "cnn_longer", "head": "cnn_longer"},
    )


def cnn_steady() -> Recipe:
    """The CNN, trained on from the end of `cnn_face` on rough pictures: 16 more epochs. About 40 minutes."""
    return replace(
        cnn_face(),
        name="cnn_steady",
        epochs=16,
        parts={"pixel_branch": "cnn_face", "head": "cnn_face"},
        augmentation=ROUGH,
    )


def cnn_steady_longer() -> Recipe:
    """The CNN, trained on from the end of `cnn_steady`, which still learned. About 45 minutes."""
    return replace(
        cnn_steady(),
        name="cnn_steady_longer",
        epochs=18,
        parts={"pixel_branch": "cnn_steady", "head": "cnn_steady"},
        biases=True,
    )


def cnn_taught() -> Recipe:
    """The CNN, trained on with its own earlier answers as half of each target. About 65 minutes."""
    return replace(
        cnn_steady_longer(),
        name="cnn_taught",
        epochs=44,
        label_smoothing=0.0,
        parts={"pixel_branch": "cnn_steady_longer", "head": "cnn_steady_longer"},
        teachers=("cnn_longer", "cnn_face", "cnn_steady_longer"),
        teaching=0.5,
    )


def cnn_larger() -> Recipe:
    """The CNN, from the end of `cnn_taught` by sharpness-aware steps on crops of 56 px. About 70 minutes."""
    return replace(
        cnn_taught(),
        name="cnn_larger",
        epochs=18,
        learning_rate=0.03,
        sharpness=0.1,
        interpolation=0.3,
        config={"pixels": asdict(PixelConfig(face_only=True, side=56)), "dropout": 0.3},
        parts={"pixel_branch": "cnn_taught", "head": "cnn_taught"},
        teachers=("cnn_longer", "cnn_steady_longer", "cnn_taught"),
    )


def cnn_photographs() -> Recipe:
    """The CNN, trained on from the end of `cnn_larger` on labelled photographs too. About 30 minutes."""
    return replace(
        cnn_larger(),
        name="cnn_photographs",
        epochs=5,
        learning_rate=0.02,
        sharpness=0.0,
        parts={"pixel_branch": "cnn_larger", "head": "cnn_larger"},
        teachers=("cnn_longer", "cnn_steady_longer", "cnn_larger"),
        photographs=True,
    )


def cnn_turned() -> Recipe:
    """As `cnn_photographs`, on heads turned further too: a smile looks otherwise then. About 50 minutes."""
    return replace(cnn_photographs(), name="cnn_turned", epochs=6, augmentation=TURNED)


def teacher_wide() -> Recipe:
    """A teacher, for a GPU: twice the CNN's channels, on crops enlarged to 64 px. 14 M parameters."""
    return _teacher("teacher_wide", PixelConfig(64, (128, 256, 512), face_only=True, side=64))


def teacher_deep() -> Recipe:
    """A teacher, for a GPU: half as many blocks again as the CNN's, of 1.5 times its channels. 11 M."""
    return _teacher("teacher_deep", PixelConfig(48, (96, 192, 384), blocks=3, face_only=True, side=64))


def teacher_whole() -> Recipe:
    """A teacher, for a GPU, that sees the whole crop, hair and background too. 14 M parameters."""
    return _teacher("teacher_whole", PixelConfig(64, (128, 256, 512), side=56))


def cnn_distilled() -> Recipe:
    """The CNN, for a GPU, trained on from `cnn_taught`: three larger ones answer each view that it sees."""
    return replace(
        cnn_larger(),
        name="cnn_distilled",
        epochs=120,
        learning_rate=0.05,
        sharpness=0.0,
        interpolation=0.0,
        teachers=("teacher_wide", "teacher_deep", "teacher_whole"),
        teaching=0.7,
        live=True,
    )


def _teacher(name: str, pixels: PixelConfig) -> Recipe:
    """A larger CNN, from nothing."""
    return replace(
        cnn(),
        name=name,
        epochs=60,
        config={"pixels": asdict(pixels), "dropout": 0.3},
        augmentation=ROUGH,
    )


def cnn_short() -> Recipe:
    """The CNN in 10 epochs on growing pictures: for comparisons over many seeds. About 15 minutes."""
    return replace(
        cnn(),
        name="cnn_short",
        epochs=10,
        sides=((32, 5), (40, 3)),
        augmentation=Augmentation(rotation=10.0, scale=0.1, erase=0.25),
    )


def landmarks() -> Recipe:
    """The control: landmarks alone. About 5 minutes."""
    return Recipe(
        name="landmarks",
        kind="landmarks",
        epochs=50,
        batch=256,
        learning_rate=0.05,
        votes_weight=0.5,
        config={"landmarks": asdict(LANDMARKS), "dropout": 0.2},
        augmentation=Augmentation(landmark_noise=0.002, landmark_turn=0.0),
    )


def fusion() -> Recipe:
    """The fusion model on the CNN's own pixel branch, held fixed; landmark branch and head are trained."""
    return Recipe(
        name="fusion",
        kind="fusion",
        epochs=9,
        learning_rate=0.1,
        label_smoothing=0.0,
        config={
            "pixels": asdict(PixelConfig()),
            "landmarks": asdict(LANDMARKS),
            "hidden": 256,
            "dropout": 0.5,
        },
        votes_weight=0.5,
        augmentation=Augmentation(landmark_noise=0.002, landmark_turn=0.0),
        parts={"pixel_branch": "cnn_longer", "landmark_branch": "landmarks"},
        frozen=("pixel_branch",),
        views=2,
    )


def fusion_larger() -> Recipe:
    """The fusion model on `cnn_larger`: four views, rough pictures too, weights averaged. About 8 minutes."""
    return replace(
        fusion(),
        name="fusion_larger",
        epochs=14,
        learning_rate=0.01,
        averaging=10,
        views=4,
        config={**fusion().config, "pixels": cnn_larger().config["pixels"]},
        parts={"pixel_branch": "cnn_larger", "landmark_branch": "landmarks"},
        augmentation=replace(ROUGH, landmark_noise=0.002, landmark_turn=0.0),
        biases=True,
    )


def fusion_photographs() -> Recipe:
    """As `fusion_larger`, on `cnn_photographs` and from labelled photographs too. About 8 minutes.

    Nearly all photographs show a happy or neutral face: these count less, lest they drown the rest.
    """
    return replace(
        fusion_larger(),
        name="fusion_photographs",
        parts={"pixel_branch": "cnn_photographs", "landmark_branch": "landmarks"},
        photographs=True,
        photograph_weights={"happy": 0.3, "neutral": 0.3},
    )


def fusion_turned() -> Recipe:
    """As `fusion_photographs`, on `cnn_turned` and on such heads. About 20 minutes."""
    return replace(
        fusion_photographs(),
        name="fusion_turned",
        parts={"pixel_branch": "cnn_turned", "landmark_branch": "landmarks"},
        augmentation=replace(TURNED, landmark_noise=0.002, landmark_turn=0.0),
    )


def fusion_distilled() -> Recipe:
    """As `fusion_larger`, on `cnn_distilled`'s pixel branch. About 8 minutes of a CPU."""
    return replace(
        fusion_larger(),
        name="fusion_distilled",
        parts={"pixel_branch": "cnn_distilled", "landmark_branch": "landmarks"},
    )


def fusion_short() -> Recipe:
    """The fusion model on `cnn_short`'s pixel branch: for comparisons over many seeds. About 5 minutes."""
    return replace(
        fusion(),
        name="fusion_short",
        parts={"pixel_branch": "cnn_short", "landmark_branch": "landmarks"},
    )


def shuffled_short() -> Recipe:
    """A control: `fusion_short` where every face has another's landmarks, in training and after."""
    return replace(
        fusion_short(), name="shuffled_short", parts={"pixel_branch": "cnn_short"}, mesh="shuffled"
    )


def wider_short() -> Recipe:
    """A control: `fusion_short` with the landmarks' parameters spent on the pixels' features instead."""
    return replace(
        fusion_short(),
        name="wider_short",
        kind="wider",
        config={
            "pixels": asdict(PixelConfig()),
            "extra": asdict(EXTRA),
            "hidden": 256,
            "dropout": 0.5,
        },
        parts={"pixel_branch": "cnn_short"},
    )


def mobilenet_v2() -> Recipe:
    """MobileNetV2 on crops enlarged to 128 px, for a GPU; with --pretrained from ImageNet's weights."""
    return _backbone("mobilenet_v2", side=128, epochs=60)


def mobilenet_v2_short() -> Recipe:
    """MobileNetV2 on pictures that grow from 64 to 96 px, for a CPU. About 2 hours of one core."""
    return replace(
        _backbone("mobilenet_v2", side=96, epochs=30), name="mobilenet_v2_short", sides=((32, 12), (40, 9))
    )


def resnet50() -> Recipe:
    """ResNet50 on crops enlarged to 128 px, for a GPU; with --pretrained from ImageNet's weights."""
    return _deep_backbone("resnet50", side=128, epochs=60)


def resnet50_short() -> Recipe:
    """ResNet50 on pictures that grow from 53 to 80 px, for a CPU. About 2 hours of one core."""
    return replace(
        _deep_backbone("resnet50", side=80, epochs=20), name="resnet50_short", sides=((32, 9), (40, 6))
    )


def inception_v3() -> Recipe:
    """InceptionV3 on crops enlarged to 144 px, for a GPU; with --pretrained from ImageNet's weights."""
    return _deep_backbone("inception_v3", side=144, epochs=60)


def inception_v3_short() -> Recipe:
    """InceptionV3 on pictures that grow from 80 to 96 px, for a CPU. About 2 hours of one core."""
    return replace(
        _deep_backbone("inception_v3", side=96, epochs=20), name="inception_v3_short", sides=((40, 13),)
    )


def mobilenet_v2_fusion() -> Recipe:
    """The fusion model on `mobilenet_v2`, held fixed: it stores only what it adds."""
    return _fusion_on(mobilenet_v2())


def mobilenet_v2_fusion_short() -> Recipe:
    """The fusion model on `mobilenet_v2_short`, held fixed."""
    return _fusion_on(mobilenet_v2_short())


def resnet50_fusion() -> Recipe:
    """The fusion model on `resnet50`, held fixed."""
    return _fusion_on(resnet50())


def resnet50_fusion_short() -> Recipe:
    """The fusion model on `resnet50_short`, held fixed."""
    return _fusion_on(resnet50_short())


def inception_v3_fusion() -> Recipe:
    """The fusion model on `inception_v3`, held fixed."""
    return _fusion_on(inception_v3())


def inception_v3_fusion_short() -> Recipe:
    """The fusion model on `inception_v3_short`, held fixed."""
    return _fusion_on(inception_v3_short())


def _backbone(architecture: str, side: int, epochs: int) -> Recipe:
    """One of torchvision's networks as CNN, by the protocol of `cnn`; nothing in it was tuned."""
    return replace(
        cnn(),
        name=architecture,
        config={"pixels": asdict(BackboneConfig(architecture, side)), "dropout": 0.3},
        epochs=epochs,
        learning_rate=0.05,
    )


def _deep_backbone(architecture: str, side: int, epochs: int) -> Recipe:
    """The same by AdamW with clipped gradients: these two did not learn by SGD (docs/experiments.md)."""
    return replace(
        _backbone(architecture, side, epochs),
        optimizer="adamw",
        learning_rate=0.001,
        weight_decay=0.05,
        clip=1.0,
    )


def _fusion_on(backbone: Recipe) -> Recipe:
    """The fusion model of `fusion` on the pixel branch of that recipe's run."""
    name = backbone.name.removesuffix("_short")
    return replace(
        fusion(),
        name=backbone.name.replace(name, f"{name}_fusion"),
        config={**fusion().config, "pixels": backbone.config["pixels"]},
        parts={"pixel_branch": backbone.name, "landmark_branch": "landmarks"},
    )


def finetune() -> Recipe:
    """A trained model (``--from``, the package's fusion model unless told otherwise) trained on, whole.

    For data of one's own with any classes (docs/own-data.md): gentle, since what is known should stay.
    """
    return Recipe(
        name="finetune",
        kind="",
        start="fusion",
        epochs=10,
        batch=32,
        learning_rate=0.01,
        warmup=0.2,
        label_smoothing=0.0,
        augmentation=Augmentation(landmark_noise=0.002, landmark_turn=0.0),
    )


def finetune_frozen() -> Recipe:
    """As `finetune`, but its branches stay as they are: for few pictures. Quick after two epochs."""
    return replace(
        finetune(),
        name="finetune_frozen",
        epochs=16,
        learning_rate=0.02,
        frozen=("pixel_branch", "landmark_branch"),
        views=2,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "cnn": cnn,
    "cnn_longer": cnn_longer,
    "cnn_face": cnn_face,
    "cnn_steady": cnn_steady,
    "cnn_steady_longer": cnn_steady_longer,
    "cnn_taught": cnn_taught,
    "cnn_larger": cnn_larger,
    "cnn_photographs": cnn_photographs,
    "cnn_turned": cnn_turned,
    "teacher_wide": teacher_wide,
    "teacher_deep": teacher_deep,
    "teacher_whole": teacher_whole,
    "cnn_distilled": cnn_distilled,
    "fusion_larger": fusion_larger,
    "fusion_photographs": fusion_photographs,
    "fusion_turned": fusion_turned,
    "fusion_distilled": fusion_distilled,
    "cnn_short": cnn_short,
    "landmarks": landmarks,
    "fusion": fusion,
    "fusion_short": fusion_short,
    "shuffled_short": shuffled_short,
    "wider_short": wider_short,
    "mobilenet_v2": mobilenet_v2,
    "mobilenet_v2_short": mobilenet_v2_short,
    "mobilenet_v2_fusion": mobilenet_v2_fusion,
    "mobilenet_v2_fusion_short": mobilenet_v2_fusion_short,
    "resnet50": resnet50,
    "resnet50_short": resnet50_short,
    "resnet50_fusion": resnet50_fusion,
    "resnet50_fusion_short": resnet50_fusion_short,
    "inception_v3": inception_v3,
    "inception_v3_short": inception_v3_short,
    "inception_v3_fusion": inception_v3_fusion,
    "inception_v3_fusion_short": inception_v3_fusion_short,
    "finetune": finetune,
    "finetune_frozen": finetune_frozen,
}
