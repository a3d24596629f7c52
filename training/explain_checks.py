"""Do explanations show what answers depend on? Sanity checks of maps and regions on PublicTest pictures.

``python -m training.explain_checks --data fer2013.csv [NAME ...]`` writes the file ``RESULT``; for two models
it takes a core five minutes. The checks, each for the answer that the model gave:

- ``deletion``: pixels are blurred, 5, 10, 20 and 40 % of them, in the order of the map (``marked``), in the
  reverse order (``against``), in the order of another picture's map (``another's``), and in the order of
  smooth noise (``noise``). The value is the mean probability of the answer that is left; ``noise - marked``
  and ``another's - marked`` are paired differences. A map that shows what the answer depends on leaves less.
  The methods that are not shown are measured on the first of the pictures.
- ``regions``: regions of the mesh go back to the mean face, one to five of them, likewise; ``chance`` is
  the mean over all orders.
- ``weights``: the network's layers are drawn anew from the top down. The value is Spearman's correlation with
  the map, or the regions, of the trained network; ``another's`` is that between different pictures. A method
  that shows the same without what was learned shows the picture, not the network.
- ``time``: CPU milliseconds for a face, all models asked together; median, 5th and 95th percentile.

Each value has its 95 % bootstrap interval over pictures. All of these have a mesh.

Shape suffixes: N pictures, H height, W width, P pixel, M how many steps of deletion, R region, V views.

References
----------
Petsiuk et al. 2018, "RISE: randomized input sampling for explanation of black-box models" (deletion).
Adebayo et al. 2018, "Sanity checks for saliency maps" (weights drawn anew).
"""

import argparse
import copy
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import nn

from fusion_model.benchmark import measure
from fusion_model.catalogue import ASSETS, DEFAULT_MODELS
from fusion_model.checkpoint import load_checkpoint
from fusion_model.classifier import Classifier, FaceBatch, load_classifiers
from fusion_model.errors import ExpressionLensError
from fusion_model.explain import Explained, Explainer, spread
from fusion_model.network import FusionNet
from fusion_model.preprocess import SIDE, FaceInputs
from fusion_model.regions import NAMES
from fusion_model.shapley import coalitions
from training.dataset import make_samples
from training.explain_methods import CHOSEN_MAP, CHOSEN_REGIONS, MAPS, region_values
from training.explain_sheet import Sheet, likeness
from training.fer2013 import read_fer2013
from training.landmark_cache import DEFAULT_CACHE, landmarks_of
from training.scoring import face_of

RESULT = Path("docs/results/explain_checks.csv")
SPLIT = "PublicTest"
#: Shares of the pixels that are deleted, and of the Gaussian that stands in their place, px.
DELETED = (0.05, 0.1, 0.2, 0.4)
BLUR = 4.0
#: Networks with weights drawn anew, each for its part of the pictures.
DRAWS = 5
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Subject:
    """A model with the faces that it is checked on.

    Attributes
    ----------
    name : of the model.
    model : as it is explained.
    ready : as it answers.
    batches : a face and its mirror image each.
    answers_N : its answers, as codes.
    """

    name: str
    model: Explained
    ready: Classifier
    batches: list[FaceBatch]
    answers_N: np.ndarray

    @classmethod
    def of(cls, name: str, model: Explained, ready: Classifier, faces: Iterable[FaceInputs]) -> "Subject":
        """Let the model answer for these faces."""
        batches = [FaceBatch.of([face], _CPU) for face in faces]
        return cls(name, model, ready, batches, np.array([ready.answer(b)[0].argmax() for b in batches]))

    def maps(self, method: str, count: int, model: Explained | None = None) -> np.ndarray:
        """Maps (N, 48, 48) of the first faces, by the model or another in its place."""
        faces = zip(self.batches[:count], self.answers_N[:count].tolist(), strict=True)
        return np.array([MAPS[method](model or self.model, batch, answer) for batch, answer in faces])

    def regions(self, count: int, model: Explained | None = None) -> dict[str, np.ndarray]:
        """Values (N, R) of the regions for the first faces, by method, and the worth of all sets, (N, 64)."""
        used = model or self.model
        assert isinstance(used.network, FusionNet)
        found = []
        for batch, answer in zip(self.batches[:count], self.answers_N[:count].tolist(), strict=True):
            with torch.inference_mode():
                pixel_VF = used.network.pixel_branch(batch.pixels_BCHW)
            found.append(region_values(used, batch, answer, pixel_VF))
        return {name: np.array([values[name] for values in found]) for name in found[0]}


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    try:
        faces = draw_faces(options.data, options.cache, options.pictures)
        frame = check_all(options.models or list(DEFAULT_MODELS), faces, options.trials, options.folder)
    except ExpressionLensError as error:
        print(error, file=sys.stderr)
        return 1
    options.out.parent.mkdir(parents=True, exist_ok=True)
    aside = options.out.with_name(options.out.name + ".aside")
    frame.to_csv(aside, index=False, lineterminator="\n")
    aside.replace(options.out)
    print(frame.to_string(index=False))
    return 0


def draw_faces(data: Path, cache: Path, count: int, seed: int = 0) -> list[FaceInputs]:
    """So many faces with a mesh, drawn from PublicTest by the seed."""
    dataset = read_fer2013(data)
    samples = make_samples(dataset, landmarks_of(dataset, cache))
    known = np.flatnonzero((dataset.splits_N == SPLIT) & samples.mesh_found_N)
    return [face_of(samples, row) for row in np.random.default_rng(seed).permutation(known)[:count]]


def check_all(names: list[str], faces: list[FaceInputs], trials: int, folder: Path = ASSETS) -> pd.DataFrame:
    """All checks of these models.

    Parameters
    ----------
    names : of models in the folder
    faces : with a mesh
    trials : how many of them the methods that are not shown, and weights drawn anew, are measured on
    folder : of the models
    """
    sheet, explainer = Sheet(), Explainer(folder)
    ready = load_classifiers([folder / f"{name}.safetensors" for name in names])
    for name, classifier in zip(names, ready, strict=True):
        subject = Subject.of(name, explainer.model(name), classifier, faces)
        check_deletion(sheet, subject, trials)
        check_weights(sheet, subject, trials, folder / f"{name}.safetensors")
        if isinstance(subject.model.network, FusionNet):
            check_regions(sheet, subject)
        print(f"{name}: checked", file=sys.stderr)
    labels = {name: explainer.model(name).card.labels[0] for name in names}
    tasks: dict[str, Callable[[], object]] = {" + ".join(names): partial(explainer.explain, faces[0], labels)}
    for name, timing in measure(tasks, 20).items():
        spent = timing.cpu_ms
        sheet.rows.append(("time", name, "", "CPU ms", spent.median, spent.p5, spent.p95, timing.n))
    return sheet.frame()


def check_deletion(sheet: Sheet, subject: Subject, trials: int) -> None:
    """What is left of an answer when what its map marks is blurred."""
    noise = [spread(np.random.default_rng(i).normal(size=(SIDE, SIDE))) for i in range(len(subject.batches))]
    for method in MAPS:
        chosen = method == CHOSEN_MAP
        maps_NHW = subject.maps(method, len(subject.batches) if chosen else trials)
        orders = {"marked": maps_NHW, "another's": np.roll(maps_NHW, 1, axis=0)}
        if chosen:
            orders |= {"noise": np.array(noise), "against": -maps_NHW}
        left = {order: left_after(subject, values) for order, values in orders.items()}
        sheet.orders("deletion", subject.name, method, left)
    sheet.add("deletion", subject.name, "", "nothing", whole(subject))


def whole(subject: Subject) -> np.ndarray:
    """Probability (N,) of the answers with nothing deleted."""
    faces = zip(subject.batches, subject.answers_N, strict=True)
    return np.array([subject.ready.answer(batch)[0, answer] for batch, answer in faces])


def left_after(subject: Subject, maps_NHW: np.ndarray) -> np.ndarray:
    """Probability (N,) that is left of the answer, mean over the shares `DELETED`, highest values first."""
    left = []
    for map_HW, batch, answer in zip(maps_NHW, subject.batches, subject.answers_N, strict=False):
        left.append(subject.ready.answer(deleted(batch, map_HW))[:, answer].mean())
    return np.array(left)


def deleted(batch: FaceBatch, map_HW: np.ndarray) -> FaceBatch:
    """One face with more and more of its pixels blurred, mirror images behind, as `FaceBatch.of` has them."""
    pixels_HW = batch.pixels_BCHW[0, 0].numpy()
    blurred_P = cv2.GaussianBlur(pixels_HW, (0, 0), BLUR).ravel()
    order_P = np.argsort(-map_HW.ravel(), kind="stable")
    made_MP = np.repeat(pixels_HW.reshape(1, -1), len(DELETED), axis=0)
    for row_P, share in zip(made_MP, DELETED, strict=True):
        gone = order_P[: round(share * len(order_P))]
        row_P[gone] = blurred_P[gone]
    made_MHW = made_MP.reshape(-1, SIDE, SIDE)
    views = np.concatenate([made_MHW, made_MHW[:, :, ::-1]])[:, None]
    count = len(DELETED)
    return FaceBatch(
        count,
        torch.from_numpy(views),
        batch.landmarks_BLD.repeat_interleave(count, dim=0),
        batch.mesh_found_B.repeat_interleave(count),
    )


def check_regions(sheet: Sheet, subject: Subject) -> None:
    """What is left of an answer when the regions that count most are those of the mean face."""
    found = subject.regions(len(subject.batches))
    left_NC = 1 / (1 + np.exp(-found.pop("worth")))
    size_C = coalitions(len(NAMES)).sum(axis=1)
    chance_N = np.mean([left_NC[:, size_C == size].mean(axis=1) for size in range(1, len(NAMES))], axis=0)
    for method, values_NR in found.items():
        orders = {"marked": values_NR, "another's": np.roll(values_NR, 1, axis=0), "against": -values_NR}
        left = {order: left_without(left_NC, values) for order, values in orders.items()}
        sheet.orders("regions", subject.name, method, left | {"chance": chance_N})
    sheet.add("regions", subject.name, "", "nothing", left_NC[:, -1])


def left_without(left_NC: np.ndarray, values_NR: np.ndarray) -> np.ndarray:
    """Probability (N,) left, mean over one to all but one region taken away, highest values first."""
    order_NR = np.argsort(-values_NR, axis=1, kind="stable")
    sets_NR = left_NC.shape[1] - 1 - np.cumsum(2**order_NR, axis=1)[:, :-1]
    return np.take_along_axis(left_NC, sets_NR, axis=1).mean(axis=1)


def check_weights(sheet: Sheet, subject: Subject, trials: int, weights: Path) -> None:
    """How like the trained network's are maps and regions of networks whose layers are drawn anew.

    Each picture meets one of `DRAWS` networks, so that no single draw decides.
    """
    alike: dict[tuple[str, str], list[float]] = {}
    shown = {method: made[:trials] for method, made in explained(subject, trials).items()}
    for method, made in shown.items():
        alike["another's", method] = likeness(made, np.roll(made, 1, axis=0))
    for draw in range(min(DRAWS, len(shown[CHOSEN_MAP]))):
        part = replace(
            subject,
            batches=subject.batches[draw:trials:DRAWS],
            answers_N=subject.answers_N[draw:trials:DRAWS],
        )
        network, card = load_checkpoint(weights)
        for layers in spoiled_from_the_top(network, draw):
            spoiled = Explained.of(copy.deepcopy(network), card)
            for method, made in explained(part, trials, spoiled).items():
                alike.setdefault((layers, method), []).extend(likeness(shown[method][draw::DRAWS], made))
    for (layers, method), values in alike.items():
        sheet.add("weights", subject.name, method, layers, np.array(values))


def explained(subject: Subject, count: int, model: Explained | None = None) -> dict[str, np.ndarray]:
    """What is shown of the first faces, a row a face, by method: maps, and regions where there are any."""
    maps = subject.maps(CHOSEN_MAP, count, model)
    made = {CHOSEN_MAP: maps.reshape(len(maps), -1)}
    if isinstance(subject.model.network, FusionNet):
        made[CHOSEN_REGIONS] = subject.regions(count, model)[CHOSEN_REGIONS]
    return made


def spoiled_from_the_top(network: nn.Module, seed: int) -> Iterator[str]:
    """Draw the layers of a network anew, from the top down and for good; says after each step how far."""
    torch.manual_seed(seed)
    parts: dict[str, list[nn.Module]] = {"the head": [network.get_submodule("head")]}
    if isinstance(network, FusionNet):
        parts["and the fusion"] = [network.fuse]
        parts["and the landmark branch"] = [network.landmark_branch]
    branch = network.get_submodule("pixel_branch")
    maps = [*branch.get_submodule("maps").children()]
    parts["and the upper half of the pixel branch"] = [branch.get_submodule("pool"), *maps[len(maps) // 2 :]]
    parts["and all of it"] = maps[: len(maps) // 2]
    for name, modules in parts.items():
        for module in (inner for outer in modules for inner in outer.modules()):
            if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm1d | nn.BatchNorm2d):
                module.reset_parameters()
        yield name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.explain_checks", description="Check what explanations show."
    )
    parser.add_argument("models", nargs="*", metavar="NAME", help="default: cnn and fusion")
    parser.add_argument("--data", type=Path, required=True, help="fer2013.csv or what else training reads")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="folder of the landmark cache")
    parser.add_argument("--folder", type=Path, default=ASSETS, help="of the models")
    parser.add_argument("--pictures", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--trials", type=int, default=30, help="for methods not shown; default: %(default)s")
    parser.add_argument("--out", type=Path, default=RESULT, help="the result file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
