"""What a training leaves: a folder with the parameters of K members, their history and their representation.

::

    run/
      request.json         what was asked: settings, store, threads; written first, once it is found possible
      checkpoints/         of a training under way, see `beable.training.checkpoint`; gone when the run is whole
      state.safetensors    parameters ("vae/...") and fitted representation ("representation/...")
      history.safetensors  recorded steps and terms, (records, members)
      run.json             everything else: settings, shapes, rows, versions
      manifest.json        names, sizes and sha256 of all these; written last
      report.html          a page of the run, if one was made; not a part of it, as any other file in ``PAGES``
      pages.json           sizes and sha256 of such pages

The manifest makes the run: a folder without one is a training under way, which the same request takes up again.
"""

import json
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from beable import records
from beable.checks import count
from beable.console.made import made
from beable.console.progress import Progress, told
from beable.console.records import readable
from beable.datasets.look import look, refuse_hidden
from beable.datasets.store import Store
from beable.errors import CorruptError, DataError, DataWarning, HeldOutWarning, LeftOutWarning, UsageError, listed
from beable.files import array_files, artefacts, disk, json_files
from beable.representations import Coded, Representation, make
from beable.representations.representation import CodeSpec
from beable.settings import validated
from beable.training.blocks import in_blocks
from beable.training.checkpoint import Saver, arrays, history_arrays, restore
from beable.training.data import (
    Prepared,
    coded_blocks,
    conditions,
    learnable,
    left_out,
    natural_representation,
    prepare,
)
from beable.training.declared import declared
from beable.training.ensemble import Batches, as_tensors, batched, per_member
from beable.training.fit import Fit
from beable.training.form import checked, refuse_manifest
from beable.training.labels import Labels, few_labels, label_batches
from beable.training.particles import boxed, suited
from beable.training.place import place_of
from beable.training.record import model, refuse_history, restored
from beable.training.restarts import Restarts, settings_of
from beable.training.settings import RunSettings
from beable.training.size import refuse_too_large
from beable.training.slow import Pairs
from beable.training.start import initialise, linear_starts
from beable.training.strangers import Strangers, strangers
from beable.vae.distributions import Noise, Normal
from beable.vae.physical_terms import particle_penalty
from beable.vae.vae import VAE, Rows
from beable.verdicts import Verdict

KIND, VERSION = "beable-run", 1
CHECKPOINT_SECONDS = 5.0
CHECKPOINTS = "checkpoints"
#: pages about a run that may lie in its folder
PAGES = ("report.html", "report.pdf")
#: what else may lie there without being a part of the run
BESIDE = (*PAGES, artefacts.NOTED, f"{CHECKPOINTS}/")
BLOCK_ROWS = 2048
MOST_THREADS = 1024
#: bytes of evenly spaced training codes that starts are made of
START_BYTES = 1 << 27
FloatArray = NDArray[np.floating]
Given = Mapping[str, FloatArray] | FloatArray


@readable
class Posterior(NamedTuple):
    """The encoder's answer for each member and row.

    Args:
        mean, std: of the latents, (members, rows, latents).
    """

    mean: FloatArray
    std: FloatArray


@readable
class Scores(NamedTuple):
    """How a snapshot fares, in nats, for each member and row.

    Args:
        distortion: -log p(y|z) of all outputs in physical units, at one sample of z.
        rate: what the latents cost, (members, rows, latents), all layers of the prior together.
    """

    distortion: FloatArray
    rate: FloatArray


class Run:
    """A finished training.

    Args:
        vae: the ensemble.
        representation: fitted.
        history: recorded steps and terms.
        about: what ``run.json`` holds.
        manifest: names and sums of the files.

    >>> import tempfile
    >>> from beable import RunSettings, Store, TrainingSettings, train
    >>> wave = np.sin(np.arange(12) + np.random.default_rng(0).uniform(0, 6, (40, 1)))
    >>> store = Store.from_arrays(f"{tempfile.mkdtemp()}/waves.zarr", {"height": wave})
    >>> _ = train(store, store.path.with_name("run"), RunSettings(training=TrainingSettings(members=3, steps=5)))
    >>> run = Run.load(store.path.with_name("run"))
    >>> run
    Run of 3 members with 2 latents: height as modes
      rows: 30 learned from, 10 held out
      steps: 5
    >>> codes = run.encode({"height": wave[run.held_rows]})
    >>> codes.mean.shape, next(run.decode(codes.mean))["height"].shape
    ((3, 10, 2), (10, 12))
    """

    def __init__(
        self,
        vae: VAE,
        representation: Representation,
        history: Mapping[str, FloatArray],
        about: Mapping[str, Any],
        manifest: artefacts.Manifest,
    ) -> None:
        self.vae, self.representation, self.history = vae.eval(), representation, dict(history)
        self.metadata, self.cpu_seconds = about, float(manifest.about["cpu_seconds"])
        self.made: Mapping[str, str] = manifest.about.get("made", {})
        self.id = manifest.files["state.safetensors"]["sha256"]
        self.settings = RunSettings.model_validate_json(json.dumps(about["settings"]))

    def __repr__(self) -> str:
        kind, latents = self.settings.representation.kind, self.settings.model.latents
        told = f"\n  conditions: {', '.join(self.conditions)}" if self.conditions else ""
        return (
            f"Run of {self.members} member{'s' * (self.members > 1)} with {latents} latent{'s' * (latents > 1)}: "
            f"{listed(self.variables)} as {kind}{told}\n"
            f"  rows: {len(self.train_rows)} learned from, {len(self.held_rows)} held out\n"
            f"  steps: {self.metadata['steps']}"
        )

    @property
    def members(self) -> int:
        return len(self.vae.members)

    @property
    def variables(self) -> list[str]:
        return list(self.metadata["variables"])

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the factors that the model is conditioned on."""
        return self.settings.model.conditions

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """Names of the classes that the numbers 0, 1, … of decoded variables stand for, by variable."""
        return {name: tuple(given) for name, given in self.metadata.get("declared", {}).get("classes", {}).items()}

    @property
    def labels(self) -> Labels | None:
        """The labelled rows of each member and the unit of their labels; None for a training without labels."""
        kept = self.metadata.get("labels")
        return Labels.of_json(kept) if kept else None

    @property
    def held_rows(self) -> NDArray[np.int64]:
        """Rows of the store that training never saw."""
        return np.asarray(self.metadata["held_rows"], dtype=np.int64)

    @property
    def held_out(self) -> str:
        """How rows were held out, in words."""
        return str(self.metadata.get("held_out", {}).get("words", f"{len(self.held_rows)} rows"))

    @property
    def kept_steps(self) -> list[int]:
        """Step whose parameters each member keeps."""
        return list(self.metadata.get("kept_steps", [self.metadata["steps"]] * self.members))

    @property
    def restarted(self) -> list[int]:
        """How often each member was started again because the rate kept it from learning."""
        return list(self.metadata.get("restarted", [0] * self.members))

    @property
    def best_steps(self) -> list[int] | None:
        """Step of each member's least held-out loss; None where it was not recorded."""
        return self.metadata.get("best_steps")

    @property
    def training_error(self) -> list[float | None]:
        """Relative error of each member on training rows, in the units it was trained in; None where not known."""
        return list(self.metadata.get("training_error", [None] * self.members))

    @property
    def strangers(self) -> Verdict:
        """Whether the held-out rows are strangers to the training rows; see `strangers`."""
        told = self.metadata.get("strangers", {}).get("verdict")
        return Verdict.of_json(told) if told else Verdict(None, "not looked at when the run was trained")

    @property
    def train_rows(self) -> NDArray[np.int64]:
        """Rows of the store that training saw."""
        return np.asarray(self.metadata["train_rows"], dtype=np.int64)

    def _named(self, snapshots: Given) -> Mapping[str, FloatArray]:
        """Snapshots by name; an array is the variable of a run that has learned from one alone."""
        wanted = [*self.variables, *self.conditions]
        if not isinstance(snapshots, Mapping) and len(wanted) == 1:
            return {wanted[0]: np.asarray(snapshots)}
        if not isinstance(snapshots, Mapping):
            raise DataError(f"the run learned from {', '.join(wanted)}: give a dictionary with an array for each name")
        return snapshots

    def rows(self, snapshots: Mapping[str, FloatArray]) -> Rows:
        """Snapshots as every member sees them."""
        wanted = [*self.variables, *self.conditions]
        missing = [name for name in wanted if name not in snapshots]
        if missing:
            raise DataError(f"the run learned from {', '.join(wanted)}, not all given: give {', '.join(missing)} too")
        coded = self.coded(snapshots)
        return per_member(as_tensors(coded._replace(conditions=self.conditions_of(snapshots))), self.members)

    def coded(self, snapshots: Mapping[str, FloatArray]) -> Coded:
        """Snapshots as the representation codes them, block by block where they are not in memory."""
        own = {name: snapshots[name] for name in self.variables}
        return coded_blocks(self.representation, in_blocks(own))

    def conditions_of(self, snapshots: Mapping[str, FloatArray]) -> FloatArray | None:
        """The conditions of snapshots, (rows, conditions); None where the model has none."""
        return conditions(snapshots, self.conditions)

    @torch.no_grad()
    def encode(self, snapshots: Given) -> Posterior:
        """Posterior mean and standard deviation of the latents of snapshots.

        Args:
            snapshots: each variable (rows, ...) by name; the array alone where the run learned from one variable.
        """
        q = self._posterior(self.rows(self._named(snapshots)))
        return Posterior(q.mean.numpy(), q.std.numpy())

    def estimate(self, snapshots: Given) -> dict[str, Posterior]:
        """What labelled latents say of their factors, in the factors' own units: (members, rows) each, by name.

        Args:
            snapshots: as `encode` takes them.

        Raises:
            UsageError: a run that was trained without labels.
        """
        if (labels := self.labels) is None:
            raise UsageError(
                "the run was trained without labels, its latents have no unit: train with objective.labels (--labels)"
            )
        mean, std = labels.in_own_unit(*self.encode(snapshots))
        return {name: Posterior(mean[..., i], std[..., i]) for i, name in enumerate(labels.names)}

    def _posterior(self, rows: Rows) -> Normal:
        parts = [self.vae.encoder(part.values, part.conditions) for part in batched(rows, BLOCK_ROWS)]
        return Normal(torch.cat([q.mean for q in parts], 1), torch.cat([q.log_std for q in parts], 1))

    def _location(self, z: torch.Tensor, conditions: torch.Tensor | None) -> torch.Tensor:
        rows = Rows(z, z[..., :0], conditions)
        parts = [self.vae.decoder.location(part.values, part.conditions) for part in batched(rows, BLOCK_ROWS)]
        return torch.cat(parts, 1)

    @torch.no_grad()
    def locations(self, z: FloatArray, conditions: FloatArray | None = None) -> FloatArray:
        """Decoded means in code space, (members, rows, latents) to (members, rows, m).

        Args:
            z: latents.
            conditions: values of the factors of `conditions` for each row, (rows, conditions).
        """
        known = None if conditions is None else _tensor(conditions).expand(self.members, *np.shape(conditions))
        return np.asarray(self.vae.decoder.means(self._location(_tensor(z), known)).numpy())

    def decode(self, z: FloatArray, conditions: FloatArray | None = None) -> Iterator[dict[str, FloatArray]]:
        """Snapshots of latents (members, rows, latents), one member after the other, in physical units."""
        return (self.representation.inverse(location) for location in self.locations(z, conditions))

    @torch.no_grad()
    def score(self, snapshots: Given, seed: int = 0) -> Scores:
        """Distortion and rate of snapshots, one sample of the latents a row.

        Args:
            snapshots: as `encode` takes them.
            seed: of the sample.
        """
        snapshots = self._named(snapshots)
        rows = self.rows(snapshots)
        noise = Noise(seed, self.vae.members, "evaluation")
        q = self._posterior(rows)
        z = q.sample(noise)
        p = self.vae.decoder.around(self._location(z, rows.conditions))
        distortion = self.vae.decoder.distortion(p, rows) + self.log_volume(snapshots)
        rates = self.vae.prior.rate(q, z, self.vae.encoder, noise)
        return Scores(distortion.numpy(), torch.stack(list(rates.values())).sum(0).numpy())

    def log_volume(self, snapshots: Mapping[str, FloatArray]) -> torch.Tensor:
        """What a distortion in code space lacks to one in physical units, (rows)."""
        fields = {name: snapshots[name] for name in self.variables}
        own = np.concatenate([self.representation.log_jacobian(part) for part in in_blocks(fields)])
        return _tensor(own + self.representation.code.log_volume)

    @torch.no_grad()
    def sample(self, rows: int, seed: int = 0) -> FloatArray:
        """Latents from the prior, (members, rows, latents)."""
        noise = Noise(seed, self.vae.members, "evaluation")
        return np.asarray(self.vae.prior.sample(rows, noise, self.vae.encoder).numpy())

    @classmethod
    def load(cls, path: Path | str) -> "Run":
        """Open a finished run; every file is checked against the manifest.

        Raises:
            CorruptError: not a run, of another version, unfinished, or damaged.
        """
        path = Path(path)
        manifest = artefacts.check(path, KIND, VERSION)
        problems = artefacts.verify(path, BESIDE)
        if problems:
            raise CorruptError(f"{path}: {problems[0]}: fetch the run again or repeat the training")
        about = json_files.read_json(path / "run.json")
        settings = checked(about, path / "run.json")
        refuse_manifest(manifest, path)
        state = path / "state.safetensors"
        arrays = array_files.read_arrays(state)
        shapes = {name: about["shapes"][name] for name in about["variables"]}
        representation = restored(_make_representation(settings), _under("representation", arrays), shapes, state)
        vae = model(representation, settings, _under("vae", arrays), state)
        history = array_files.read_arrays(path / "history.safetensors")
        refuse_history(history, settings, about["steps"], path / "history.safetensors")
        return cls(vae, representation, history, about, manifest)


def verify(path: Path | str, progress: Progress | None = None) -> list[str]:
    """Read every file of a run, and those of its pages that are named.

    Args:
        path: of the run.
        progress: is told how many files are read, of how many.

    Returns:
        One line for each problem, with the file and what to do about it; none when the run is whole.
    """
    path = Path(path)
    lines = artefacts.verify(path, BESIDE, progress)
    problems = [f"{path}: {line}: fetch the run again or repeat the training" for line in lines]
    problems += [f"{path}: {line}: make the page again" for line in artefacts.verify_noted(path)]
    if not lines:
        try:
            Run.load(path)
        except CorruptError as error:
            problems.append(str(error))
    return problems


def train(
    store: Store,
    path: Path | str,
    settings: RunSettings,
    *,
    progress: Progress | None = None,
    threads: int = 1,
    save_every: float = CHECKPOINT_SECONDS,
) -> Run:
    """Train an ensemble on a store and leave a run folder; take up again what an interruption left there.

    Args:
        store: the data set.
        path: the run folder; must be new, or hold the same training unfinished or finished.
        settings: all the choices.
        progress: called with steps done and steps in all.
        threads: of PyTorch while it trains; a resumed training must have the same, because sums depend on it.
        save_every: seconds between checkpoints.

    Raises:
        UsageError: a variable, factor or setting that does not exist.
        DataError: too few rows, rows that the representation cannot take, or one beside which no other counts.
        OutputError: the folder holds something else, or cannot be written.
        DivergedError: a member's loss is no longer finite; its last checkpoint is kept.

    Warns:
        DataWarning: what a look at the data finds; the run's metadata keep it.

    >>> import tempfile
    >>> from beable import ModelSettings, RunSettings, Store, TrainingSettings
    >>> powders = np.random.default_rng(0).normal(size=(40, 3))
    >>> store = Store.from_arrays(f"{tempfile.mkdtemp()}/powders.zarr", {"sizes": powders, "density": powders.sum(1)})
    >>> settings = RunSettings(model=ModelSettings(latents=2), training=TrainingSettings(members=2, steps=5))
    >>> train(store, store.path.with_name("run"), settings)
    Run of 2 members with 2 latents: sizes, density as table
      rows: 30 learned from, 10 held out
      steps: 5
    """
    path = Path(path)
    settings = settled(settings, store)
    refuse_too_large(settings, store.rows)
    request = _request(store, settings, threads)
    say = told(progress).begin
    if _is_finished(path, request):
        disk.tidy(path, CHECKPOINTS)
        return Run.load(path)
    with _threads(threads), disk.locked(path):
        disk.sweep(path)
        if artefacts.claim(path, "training", request, path / "request.json") and (path / artefacts.MANIFEST).exists():
            return Run.load(path)
        started = process_time()
        choice = representation_choice(settings)
        say("looking at the data")
        seen = _looked_at(store, request["variables"], settings, say)
        say(f"fitting {choice[0]}")
        known = settings.model.conditions
        data = prepare(store, request["variables"], *choice, settings.training, known, told(progress))
        refuse_too_large(settings, len(data.train_rows), data.representation.width)
        found = _strangers(data, store)
        say(f"making the start ({settings.training.start})")
        fit = first_step(data, store, settings)
        json_files.write_json(path / "request.json", request)
        spent = restore(fit, path / CHECKPOINTS) + process_time() - started
        saver = Saver(path / CHECKPOINTS, save_every, spent)
        start_again = partial(first_step, data, store, settings)
        again = Restarts(settings.training, settings.objective.reconstruction_steps, start_again)

        def each(fit: Fit) -> None:
            again(fit)
            saver(fit)

        fit.run(each, progress)
        about = (
            request | declared(store, request["variables"]) | seen | _how_held_out(data, found) | place_of(store, path)
        )
        _finish(path, fit, data, about, saver.spent())
    return Run.load(path)


def _is_finished(path: Path, request: Mapping[str, Any]) -> bool:
    """Whether this very training stands there whole, so that nothing is written and no lock is needed.

    Raises:
        OutputError: another one does.
    """
    return (path / artefacts.MANIFEST).exists() and artefacts.claim(path, "training", request, path / "request.json")


def settled(settings: RunSettings, store: Store) -> RunSettings:
    """Settings with the kind of representation that the variables decide, where none is chosen.

    Warns:
        LeftOutWarning: variables of the store are not learned from although none were named.
    """
    names = learnable(store, settings.variables)
    if settings.variables is None and (left := left_out(store, names)):
        warnings.warn(
            f"{listed(left)}: left out, because the training learns from {listed(names)} alone and not from numbers "
            "beside them: name the variables to learn from (variables, --variables)",
            LeftOutWarning,
            stacklevel=3,
        )
    given = settings.representation.model_dump(mode="json")
    kind = natural_representation(store, names) if given["kind"] == "auto" else str(given["kind"])
    options = suited(store, names, given | {"kind": kind}) | _classes(store, names, kind, given)
    more = boxed(store, names, kind, options)
    update: dict[str, Any] = {} if more == list(names) else {"variables": tuple(more)}
    if options != given:
        update["representation"] = validated(RunSettings, {"representation": options}).representation
    return settings.model_copy(update=update) if update else settings


def _classes(store: Store, names: Sequence[str], kind: str, given: Mapping[str, Any]) -> dict[str, str]:
    """How many classes the variables of a table have, where the data set says so and the settings do not."""
    told = [f"{v.name}={len(v.classes)}" for v in store.variables if v.classes and v.name in names]
    return {"classes": ", ".join(told)} if told and kind == "table" and "classes" not in given else {}


def _looked_at(store: Store, names: Sequence[str], settings: RunSettings, say: Callable[[str], None]) -> dict[str, Any]:
    """What a look at the data finds, said and for the record; refused where one row hides the others.

    A table has scales and logarithms of its own for each column, in which a large number need not hide others.
    Variables that are constant are refused, or said to be so, when the representation is fitted.
    """
    found = look(store, names, say)
    if settings.representation.kind != "table":
        refuse_hidden(found)
    for finding in found:
        if finding.kind != "constant" or finding.what not in names:
            warnings.warn(finding.line, DataWarning, stacklevel=3)
    return {"look": [finding.as_json() for finding in found]}


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """So many threads of PyTorch, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tensor(values: FloatArray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _request(store: Store, settings: RunSettings, threads: int) -> dict[str, Any]:
    """What is asked, in the form that is written and compared."""
    count("threads", threads, 1, MOST_THREADS)
    return {
        "settings": json.loads(settings.model_dump_json()),
        "store": store.id,
        "variables": learnable(store, settings.variables),
        "threads": threads,
    }


def _strangers(data: Prepared, store: Store) -> Strangers:
    """Whether held-out rows are strangers.

    Warns:
        HeldOutWarning: they are not, and nothing was said of rows that belong together.
    """
    found = strangers(data.train, data.held, data.train_rows, data.held_rows, store.factor_values)
    if found.verdict.answer is False and data.held_out.by == "rows":
        warnings.warn(
            f"held-out rows are no strangers to the training rows: {found.verdict.reason}; errors on them say nothing "
            "of a new run or trajectory: keep rows that belong together on one side by --group NAME (training.group) "
            "or --blocks N (training.blocks)",
            HeldOutWarning,
            stacklevel=3,
        )
    return found


def _how_held_out(data: Prepared, found: Strangers) -> dict[str, Any]:
    """How rows were held out, in words and numbers, and whether they are strangers."""
    return {"held_out": {**data.held_out._asdict(), "words": str(data.held_out)}, "strangers": found.as_json()}


def representation_choice(settings: RunSettings) -> tuple[str, dict[str, object]]:
    """Kind and options of the representation of settled settings."""
    options = settings.representation.model_dump(mode="json")
    return str(options.pop("kind")), options


def _make_representation(settings: RunSettings) -> Representation:
    kind, options = representation_choice(settings)
    return make(kind, **options)


def untrained(
    code: CodeSpec,
    train: Coded,
    settings: RunSettings,
    members: Sequence[int] | None = None,
    attempt: int = 0,
    pairs: Pairs | None = None,
) -> VAE:
    """The ensemble at its first step, which is a function of the settings and of the training rows alone.

    Args:
        code: what the rows look like.
        train: coded training rows.
        settings: settled ones; the seed, the start and the number of members are those of the training.
        members: numbers of those that are made; all by default.
        attempt: which start of theirs it is, from 0.
        pairs: places of training rows a lag apart, for the start "tica".
    """
    t = settings.training
    members = list(range(t.members)) if members is None else list(members)
    noise = Noise(t.seed, members, "start", 1 + 2 * attempt)  # even ones are those of bootstrap draws
    vae = VAE(code, settings.model, noise)
    codes = train.values.reshape(len(train.values), -1)
    if pairs is None:  # which are places among all of them
        codes = codes[:: -(-8 * codes.size // START_BYTES)]  # starts are made of copies in double precision
    vae.fit_scaler(as_tensors(train).conditions)
    vae.prior.settle(as_tensors(train).values, noise)
    latents = settings.model.latents
    initialise(vae, linear_starts(t.start, codes.astype(np.float64), latents, members, t.seed, attempt, pairs))
    return vae


def first_step(
    data: Prepared, store: Store, settings: RunSettings, members: Sequence[int] | None = None, attempt: int = 0
) -> Fit:
    """A training at its first step, of all members or of some that are started again.

    Args:
        data: what it sees.
        store: the data set, for labels.
        settings: settled ones.
        members: numbers of those that are made; all by default.
        attempt: which start of theirs it is, from 0.
    """
    if members is not None:
        settings = settings_of(settings, members)
    t, wanted = settings.training, settings.objective.labels
    vae = untrained(data.representation.code, data.train, settings, members, attempt, data.pairs)
    batches = Batches(data.train, vae.members, t.batch, t.seed, t.rows, t.bootstrap)
    penalty = particle_penalty(settings.objective.particles, data.representation)
    if penalty is not None:
        penalty.fit(as_tensors(data.train))
    held = per_member(as_tensors(data.held), len(vae.members))
    labels = label_batches(wanted, store, data.train_rows, vae.members, t.rows, t.seed) if wanted else None
    if labels and (said := few_labels(labels.labels, settings.model, data.representation.code.group.size)):
        warnings.warn(said, DataWarning, stacklevel=3)
    return Fit(vae, batches, held, settings.objective, t, penalty, labels)


@cache
def _versions() -> Mapping[str, str]:
    """Versions of what is imported, looked up once: to read those files takes a tenth of a short training."""
    named = {name: version(name) for name in ("beable", "torch", "numpy", "scikit-learn")}
    return named | {"python": platform.python_version()}


def _under(prefix: str, arrays: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """The arrays whose names start with prefix/, without it."""
    return {name.removeprefix(f"{prefix}/"): a for name, a in arrays.items() if name.startswith(f"{prefix}/")}


def _finish(path: Path, fit: Fit, data: Prepared, request: Mapping[str, Any], cpu_seconds: float) -> None:
    """Write the run; the manifest last."""
    state = {f"vae/{name}": array for name, array in arrays(fit.vae.state_dict()).items()}
    state |= {f"representation/{k}": v for k, v in data.representation.state().items()}
    array_files.write_arrays(path / "state.safetensors", state)
    array_files.write_arrays(path / "history.safetensors", history_arrays(fit.history))
    about = {
        **request,
        "members": fit.vae.members,
        "shapes": data.shapes,
        "train_rows": data.train_rows.tolist(),
        "held_rows": data.held_rows.tolist(),
        "steps": fit.step,
        "kept_steps": fit.kept_steps(),
        "best_steps": fit.best_steps(),
        "restarted": fit.restarted.tolist(),
        "training_error": records.plain(fit.training_error().cpu().numpy()),
        "labels": fit.labels.labels.as_json() if fit.labels else None,
        "device": fit.device.type,
        "versions": dict(_versions()),
    }
    json_files.write_json(path / "run.json", about)
    artefacts.seal(path, KIND, VERSION, {"cpu_seconds": cpu_seconds, "made": made()}, beside=BESIDE)
    disk.remove(path / CHECKPOINTS)  # not before the run is whole
