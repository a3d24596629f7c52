"""The training loop: it learns, keeps what is frozen, and resumes to the same bits."""

import contextlib
import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusion_model.labels import EXPRESSIONS
from fusion_model.network import KINDS, build_network
from training.augment import Augmentation
from training.dataset import Samples, plain_batches
from training.loop import Run, Runtime, TrainingError, accuracy
from training.losses import Objective
from training.recipe import Recipe

Make = Callable[..., Recipe]
CPU = torch.device("cpu")
# Small, but large enough to learn by heart, with nothing in the way of it.
PIXELS = {"stem": 4, "stages": [8, 16, 32], "blocks": 1}
LANDMARKS = {"hidden": 64, "features": 32, "dropout": 0.0}
EAGER: dict[str, dict[str, Any]] = {
    "cnn": {"dropout": 0.0, "pixels": PIXELS},
    "landmarks": {"dropout": 0.0, "landmarks": LANDMARKS},
    "fusion": {"dropout": 0.0, "pixels": PIXELS, "landmarks": LANDMARKS, "hidden": 32},
    "wider": {"dropout": 0.0, "pixels": PIXELS, "extra": LANDMARKS, "hidden": 32},
}


@pytest.fixture(scope="module")
def samples() -> Samples:
    """Thirty-two pictures and meshes of noise, four without a mesh, with labels and votes at random."""
    rng = np.random.default_rng(0)
    found_N = np.arange(32) % 8 != 7
    meshes = rng.normal(size=(32, 478, 3)).astype(np.float32)
    return Samples(
        images_NHW=rng.integers(0, 256, (32, 48, 48), dtype=np.uint8),
        matrices_N23=np.broadcast_to(np.eye(3)[:2], (32, 2, 3)),
        landmarks_NLD=np.where(found_N[:, None, None], meshes, np.float32(0)),
        mesh_found_N=found_N,
        labels_N=rng.integers(0, 7, 32),
        votes_NV=rng.integers(0, 5, (32, 10)).astype(np.float32),
        labels=EXPRESSIONS,
    )


@pytest.fixture
def make_run(samples: Samples, tmp_path: Path) -> Callable[..., Run]:
    def make(recipe: Recipe, folder: str = "run", seed: int = 0, train: Samples = samples) -> Run:
        torch.manual_seed(seed)
        network = build_network(recipe.kind, 7, recipe.config)
        objective = Objective(network, recipe.label_smoothing, recipe.votes_weight)
        return Run(recipe, seed, tmp_path / folder, Runtime(CPU), objective, train, samples)

    return make


def state_of(run: Run) -> dict[str, Any]:
    return torch.load(run.state_file, weights_only=True)


def assert_same(first: Any, second: Any, at: str = "state") -> None:
    """Equal to the last bit, whatever is inside."""
    assert type(first) is type(second), at
    if isinstance(first, torch.Tensor):
        assert first.dtype == second.dtype and torch.equal(first, second), at
    elif isinstance(first, dict):
        assert list(first) == list(second), at
        for key in first:
            if key != "seconds":  # what the clock said
                assert_same(first[key], second[key], f"{at}.{key}")
    elif isinstance(first, list):
        assert len(first) == len(second), at
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_same(one, other, f"{at}[{index}]")
    else:
        assert first == second, at


@pytest.mark.parametrize("kind", KINDS)
def test_thirty_two_pictures_are_learnt_by_heart(
    kind: str,
    small_recipe: Make,
    make_run: Callable[..., Run],
    samples: Samples,
    no_augmentation: Augmentation,
) -> None:
    recipe = small_recipe(
        kind,
        epochs=15,
        learning_rate=0.1,
        label_smoothing=0.0,
        augmentation=no_augmentation,
        votes_weight=0.0,
    )
    recipe = replace(recipe, config=EAGER[kind])
    # Faces without a mesh all look alike to the landmarks alone: those can only learn the others.
    known = samples.select(samples.mesh_found_N) if kind == "landmarks" else samples
    run = make_run(recipe, train=known)
    assert accuracy(run.objective.network, known, CPU) < 0.5
    run.train_all()
    assert accuracy(run.objective.network, known, CPU) == 1
    losses = [figures["loss"] for figures in run.progress.history]
    assert losses[-1] < losses[0] / 4


def test_the_optimizer_is_the_recipes(small_recipe: Make, make_run: Callable[..., Run]) -> None:
    sgd = make_run(small_recipe("cnn", weight_decay=0.01)).optimizer
    adamw = make_run(small_recipe("cnn", optimizer="adamw", weight_decay=0.01)).optimizer
    assert isinstance(sgd, torch.optim.SGD) and sgd.defaults["nesterov"]
    assert isinstance(adamw, torch.optim.AdamW)
    assert sgd.defaults["weight_decay"] == adamw.defaults["weight_decay"] == 0.01


@pytest.mark.parametrize(("clip", "longest"), [(0.5, 0.5), (0.0, np.inf)])
def test_a_long_gradient_is_shortened(
    clip: float, longest: float, small_recipe: Make, make_run: Callable[..., Run]
) -> None:
    run = make_run(small_recipe("cnn", clip=clip, epochs=1))
    lengths = []

    def measure(*_: Any) -> None:
        squares = [float(weight.grad.square().sum()) for weight in run.trained if weight.grad is not None]
        lengths.append(sum(squares) ** 0.5)

    run.optimizer.register_step_pre_hook(measure)
    run.train_all()
    assert len(lengths) == 4 and max(lengths) <= longest + 1e-4
    assert max(lengths) > 0.49
    assert clip or max(lengths) > 0.6  # or clipping would have had nothing to do


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        *((kind, {}) for kind in KINDS),
        ("cnn", {"optimizer": "adamw", "learning_rate": 0.001, "clip": 1.0}),
        ("cnn", {"averaging": 3}),
        ("cnn", {"sharpness": 0.1}),
        ("cnn", {"interpolation": 0.3, "parts": {"pixel_branch": "another"}}),
        ("fusion", {"averaging": 2, "frozen": ("pixel_branch",), "views": 2}),
    ],
)
def test_a_killed_run_resumes_to_the_same_bits(
    kind: str,
    more: dict[str, Any],
    small_recipe: Make,
    make_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = small_recipe(kind, **more)
    straight = make_run(recipe, "straight")
    straight.train_all()

    killed = make_run(recipe, "killed")
    steps = 0
    step = killed._step

    def killed_in_the_second_epoch(batch: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 6:  # four batches an epoch
            raise KeyboardInterrupt
        return step(batch)

    monkeypatch.setattr(killed, "_step", killed_in_the_second_epoch)
    with pytest.raises(KeyboardInterrupt):
        killed.train_all()
    assert state_of(killed)["progress"]["epoch"] == 1

    torch.manual_seed(999)  # a new process knows nothing of the old one
    resumed = make_run(recipe, "killed")
    resumed.resume()
    assert resumed.progress.epoch == 1
    resumed.train_all()
    assert_same(state_of(resumed), state_of(straight))
    assert_same(resumed.objective.state_dict(), straight.objective.state_dict())
    assert len(resumed.progress.history) == 3


def test_sharpness_aware_steps_follow_the_gradient_met_uphill(
    small_recipe: Make,
    make_run: Callable[..., Run],
    no_augmentation: Augmentation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # In full precision, so that the two can be compared.
    monkeypatch.setattr("training.loop.mixed_precision", lambda _: contextlib.nullcontext())
    recipe = small_recipe("cnn", epochs=1, sharpness=0.3, augmentation=no_augmentation)
    run = make_run(replace(recipe, config=recipe.config | {"dropout": 0.0}))
    batch = next(iter(run._batches(0)))
    run.objective.train()
    twin = copy.deepcopy(run.objective)

    def gradients() -> list[torch.Tensor]:
        return list(torch.autograd.grad(twin(batch)[0], list(twin.parameters())))

    here = gradients()
    seen = {name: values.clone() for name, values in twin.named_buffers()}
    length = torch.cat([gradient.flatten() for gradient in here]).norm()
    with torch.no_grad():
        for weight, gradient in zip(twin.parameters(), here, strict=True):
            weight += 0.3 * gradient / length
    there = gradients()
    taken: list[torch.Tensor] = []
    run.optimizer.register_step_pre_hook(
        lambda *_: taken.extend(weight.grad.clone() for weight in run.trained if weight.grad is not None)
    )
    run._step(batch)
    assert len(taken) == len(there)
    for gradient, met, plain in zip(taken, there, here, strict=True):
        assert torch.allclose(gradient, met, atol=1e-5)
        assert not torch.allclose(met, plain, atol=1e-4)
    for name, values in run.objective.named_buffers():  # only what the first look saw is remembered
        if not name.endswith("num_batches_tracked"):
            assert torch.allclose(values, seen[name], atol=1e-6), name


def test_the_weights_of_the_last_epochs_are_averaged(
    small_recipe: Make, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(small_recipe("cnn", averaging=2))
    weights: list[dict[str, torch.Tensor]] = []
    step = run._step

    def watched(batch: Any) -> Any:
        answer = step(batch)
        weights.append({name: w.detach().clone() for name, w in run.objective.named_parameters()})
        return answer

    monkeypatch.setattr(run, "_step", watched)
    run.train_all()
    assert len(weights) == 12  # three epochs of four batches, the last two of which count
    assert {group["lr"] for group in run.optimizer.param_groups} == {run.recipe.learning_rate}
    for name, weight in run.objective.named_parameters():
        mean = torch.stack([after[name].double() for after in weights[4:]]).mean(dim=0)
        assert torch.allclose(weight.double(), mean, atol=1e-6), name
        assert not torch.allclose(weight, weights[-1][name], atol=1e-6), name


@pytest.mark.parametrize("averaging", [0, 2])
def test_weights_end_between_those_trained_and_those_begun_with(
    averaging: int, small_recipe: Make, make_run: Callable[..., Run]
) -> None:
    recipe = small_recipe("cnn", averaging=averaging, parts={"pixel_branch": "another"})
    trained = make_run(recipe, "trained")
    begun = {name: weight.detach().clone() for name, weight in trained.objective.named_parameters()}
    trained.train_all()
    run = make_run(replace(recipe, interpolation=0.25), "between")
    run.train_all()
    ends = dict(trained.objective.named_parameters())
    for name, weight in run.objective.named_parameters():
        taken = name.startswith("network.pixel_branch.")  # the head began with nothing worth keeping
        expected = 0.75 * ends[name] + 0.25 * begun[name] if taken else ends[name]
        assert torch.allclose(weight, expected, atol=1e-6), name
        assert torch.allclose(weight, ends[name], atol=1e-6) is not taken, name


@pytest.mark.parametrize(
    "more", [{"averaging": 2}, {"interpolation": 0.5, "parts": {"pixel_branch": "another"}}]
)
def test_moved_weights_are_normalised_by_what_they_make_of_the_pictures(
    more: dict[str, Any],
    small_recipe: Make,
    make_run: Callable[..., Run],
    no_augmentation: Augmentation,
    samples: Samples,
) -> None:
    run = make_run(small_recipe("cnn", augmentation=no_augmentation, **more))
    run.train_all()
    first, normalise = run.objective.network.get_submodule("pixel_branch.maps")[:2]  # type: ignore[index]
    maps = [first(batch.pixels_BCHW).detach() for batch in plain_batches(samples, 32)]
    mean_C = torch.cat(maps).mean(dim=(0, 2, 3))
    spread_C = torch.cat(maps).var(dim=(0, 2, 3))
    assert torch.allclose(normalise.running_mean, mean_C, atol=0.02)
    assert torch.allclose(normalise.running_var, spread_C, rtol=0.1)


def test_another_seed_trains_another_network(small_recipe: Make, make_run: Callable[..., Run]) -> None:
    recipe = small_recipe("cnn", epochs=1)
    runs = [make_run(recipe, str(seed), seed) for seed in (0, 0, 1)]
    for run in runs:
        run.train_all()
    first, again, other = (run.objective.state_dict()["network.head.1.weight"] for run in runs)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_finished_run_stays_as_it_is(small_recipe: Make, make_run: Callable[..., Run]) -> None:
    recipe = small_recipe("landmarks", epochs=1)
    run = make_run(recipe)
    run.train_all()
    before = run.state_file.read_bytes()
    again = make_run(recipe)
    again.resume()
    again.train_all()
    assert run.state_file.read_bytes() == before
    assert_same(again.objective.state_dict(), run.objective.state_dict())


@pytest.mark.parametrize("change", ["recipe", "seed"])
def test_a_run_of_another_recipe_or_seed_is_not_resumed(
    change: str, small_recipe: Make, make_run: Callable[..., Run]
) -> None:
    recipe = small_recipe("landmarks", epochs=1)
    make_run(recipe).train_all()
    other = make_run(replace(recipe, weight_decay=0.01)) if change == "recipe" else make_run(recipe, seed=5)
    with pytest.raises(TrainingError, match=r"state\.pt was made by another recipe or seed"):
        other.resume()


def test_a_run_from_before_a_field_of_the_recipe_is_resumed(
    small_recipe: Make, make_run: Callable[..., Run]
) -> None:
    run = make_run(small_recipe("landmarks", epochs=1))
    run.train_all()
    state = state_of(run)
    del state["recipe"]["views"]
    torch.save(state, run.state_file)
    again = make_run(small_recipe("landmarks", epochs=1))
    again.resume()
    assert again.progress.epoch == 1


def test_there_must_be_something_to_resume(small_recipe: Make, make_run: Callable[..., Run]) -> None:
    with pytest.raises(TrainingError, match=r"nothing to resume in .*run: leave --resume out"):
        make_run(small_recipe("cnn")).resume()


@pytest.mark.parametrize("keep", [0, 100, -100])
def test_a_damaged_checkpoint_is_named(keep: int, small_recipe: Make, make_run: Callable[..., Run]) -> None:
    run = make_run(small_recipe("landmarks", epochs=1))
    run.save()
    run.state_file.write_bytes(run.state_file.read_bytes()[:keep])
    with pytest.raises(TrainingError, match=r"state\.pt"):
        run.resume()


def test_a_kill_while_the_checkpoint_is_written_leaves_the_old_one(
    small_recipe: Make, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(small_recipe("landmarks"))
    run.save()
    before = run.state_file.read_bytes()

    def killed_half_way(state: dict[str, Any], path: Path) -> None:
        path.write_bytes(before[:1000])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", killed_half_way)
        with pytest.raises(KeyboardInterrupt):
            run.save()
    assert run.state_file.read_bytes() == before
    run.resume()


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_run_of_few_steps_has_a_schedule(
    epochs: int, small_recipe: Make, make_run: Callable[..., Run], samples: Samples
) -> None:
    """PyTorch's one-cycle divides by zero where warm-up x steps is 1."""
    for batch in (8, 16, 32):
        make_run(small_recipe("landmarks", epochs=epochs, batch=batch), str(batch)).train_all()


TAKEN = {"pixel_branch": "another", "landmark_branch": "another"}


@pytest.mark.parametrize(
    "more",
    [{}, {"averaging": 2}, {"averaging": 2, "views": 2}, {"interpolation": 0.3, "parts": TAKEN}],
)
def test_what_is_frozen_does_not_change(
    more: dict[str, Any], small_recipe: Make, make_run: Callable[..., Run]
) -> None:
    run = make_run(small_recipe("fusion", frozen=("pixel_branch",), **more))
    zeros = run.objective.network.get_submodule("pixel_branch.maps.0").get_parameter("weight")
    with torch.no_grad():
        zeros[0] = -0.0  # equal to 0, and yet other bits: half precision leaves such zeros
    before = {name: tensor.clone() for name, tensor in run.objective.network.state_dict().items()}
    run.train_all()
    changed = {
        name.split(".")[0]
        for name, tensor in run.objective.network.state_dict().items()
        if tensor.numpy().tobytes() != before[name].numpy().tobytes()
    }
    # Neither its weights nor its running statistics.
    assert changed == {"landmark_branch", "fuse", "head"}


@pytest.mark.parametrize("kind", ["fusion", "wider"])
def test_the_features_of_a_view_are_computed_once_and_resume_to_the_same_bits(
    kind: str, small_recipe: Make, make_run: Callable[..., Run]
) -> None:
    recipe = small_recipe(kind, frozen=("pixel_branch",), views=2, epochs=4)
    straight = make_run(recipe, "straight")
    branch = straight.objective.network.get_submodule("pixel_branch")
    rows: list[int] = []
    branch.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    straight.train_all()
    # Four epochs of scoring on all 32, and two views of 32 in batches of 8.
    assert sorted(rows) == [8] * 8 + [32] * 4

    halves = [make_run(replace(recipe, epochs=4), "halves") for _ in range(2)]
    halves[0].recipe = replace(recipe, epochs=3)  # a kill after the third epoch, inside the second round
    halves[0].train_all()
    halves[0].recipe = recipe
    halves[0].save()
    halves[1].resume()
    halves[1].train_all()
    assert_same(halves[1].objective.state_dict(), straight.objective.state_dict())


def test_small_pictures_come_first(
    small_recipe: Make, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(small_recipe("cnn", sides=((32, 1), (40, 1)), epochs=3))
    sides: list[int] = []
    step = run._step

    def watched(batch: Any) -> Any:
        sides.append(batch.pixels_BCHW.shape[-1])
        return step(batch)

    monkeypatch.setattr(run, "_step", watched)
    run.train_all()
    assert sides == [32] * 4 + [40] * 4 + [48] * 4


def test_a_run_whose_loss_is_lost_stops_with_a_sentence(
    small_recipe: Make, make_run: Callable[..., Run]
) -> None:
    run = make_run(small_recipe("landmarks"))
    with torch.no_grad():
        run.objective.network.get_submodule("head").get_parameter("1.bias").fill_(float("nan"))
    with pytest.raises(TrainingError, match="learning rate"):
        run.train_all()


def test_every_epoch_is_logged(small_recipe: Make, make_run: Callable[..., Run], capsys: Any) -> None:
    run = make_run(small_recipe("landmarks", epochs=2))
    run.train_all()
    assert len(list((run.folder / "tensorboard").iterdir())) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert "public_test_accuracy" in lines[0]
    for figures in run.progress.history:
        assert set(figures) == {"loss", "training_accuracy", "public_test_accuracy"}
        assert 0 <= figures["public_test_accuracy"] <= 1


def test_alone_a_process_is_the_first_and_waits_for_nobody() -> None:
    runtime = Runtime.start()
    assert runtime == Runtime(torch.device("cuda:0" if torch.cuda.is_available() else "cpu"), 0, 1)
    assert runtime.first
    runtime.wait()
    runtime.stop()


def test_accuracy_is_the_share_of_right_answers(samples: Samples, small_recipe: Make) -> None:
    network = build_network("cnn", 7, small_recipe("cnn").config)
    with torch.no_grad():
        network.get_submodule("head").get_parameter("1.weight").zero_()
        network.get_submodule("head").get_parameter("1.bias").copy_(torch.arange(7) == 3)
    assert accuracy(network, samples, CPU) == pytest.approx((samples.labels_N == 3).mean())
    assert not network.training
