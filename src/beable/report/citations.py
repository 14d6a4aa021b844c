"""What to cite: beable, the source of a study or simulator, and the methods that settings and measures make use of.

A `Reference` prints itself as BibTeX or as a line. The facts about beable are those of ``CITATION.cff``.
"""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from beable.references import Reference
from beable.system import SYSTEMS
from beable.training.settings import RunSettings

TITLE = "beable: hidden factors behind simulation data, and how far to trust them"
AUTHORS = "The beable developers"
LICENSE = "BSD-3-Clause"


def _paper(key: str, author: str, title: str, year: int, booktitle: str = "", **more: str) -> Reference:
    kind = "article" if "journal" in more else "inproceedings"
    return Reference(key, kind, author, title, str(year), booktitle=booktitle, **more)


VAE = _paper(
    "kingma2014auto", "Kingma, Diederik P. and Welling, Max", "Auto-encoding variational Bayes", 2014,
    "International Conference on Learning Representations",
)  # fmt: skip
ADAM = _paper(
    "kingma2015adam", "Kingma, Diederik P. and Ba, Jimmy", "Adam: a method for stochastic optimization", 2015,
    "International Conference on Learning Representations",
)  # fmt: skip
BETA_VAE = _paper(
    "higgins2017beta",
    "Higgins, Irina and Matthey, Loic and Pal, Arka and Burgess, Christopher and Glorot, Xavier and Botvinick, Matthew "
    "and Mohamed, Shakir and Lerchner, Alexander",
    "beta-VAE: learning basic visual concepts with a constrained variational framework", 2017,
    "International Conference on Learning Representations",
)  # fmt: skip
ICA = _paper(
    "hyvarinen2000independent", "Hyvärinen, Aapo and Oja, Erkki",
    "Independent component analysis: algorithms and applications", 2000,
    journal="Neural Networks", volume="13", pages="411--430",
)  # fmt: skip
POD = _paper(
    "sirovich1987turbulence", "Sirovich, Lawrence", "Turbulence and the dynamics of coherent structures", 1987,
    journal="Quarterly of Applied Mathematics", volume="45", pages="561--590",
)  # fmt: skip
CALIBRATED = _paper(
    "rybkin2021simple", "Rybkin, Oleh and Daniilidis, Kostas and Levine, Sergey",
    "Simple and effective VAE training with calibrated decoders", 2021, "International Conference on Machine Learning",
)  # fmt: skip
DEEP_SETS = _paper(
    "zaheer2017deep",
    "Zaheer, Manzil and Kottur, Satwik and Ravanbakhsh, Siamak and Poczos, Barnabas and Salakhutdinov, Ruslan and "
    "Smola, Alexander",
    "Deep sets", 2017, "Advances in Neural Information Processing Systems",
)  # fmt: skip
CYCLICAL = _paper(
    "fu2019cyclical",
    "Fu, Hao and Li, Chunyuan and Liu, Xiaodong and Gao, Jianfeng and Celikyilmaz, Asli and Carin, Lawrence",
    "Cyclical annealing schedule: a simple approach to mitigating KL vanishing", 2019,
    "Conference of the North American Chapter of the Association for Computational Linguistics",
)  # fmt: skip
HIERARCHICAL = _paper(
    "klushyn2019learning",
    "Klushyn, Alexej and Chen, Nutan and Kurle, Richard and Cseke, Botond and van der Smagt, Patrick",
    "Learning hierarchical priors in VAEs", 2019, "Advances in Neural Information Processing Systems",
)  # fmt: skip
MATCHING = _paper(
    "li2015generative", "Li, Yujia and Swersky, Kevin and Zemel, Richard", "Generative moment matching networks", 2015,
    "International Conference on Machine Learning",
)  # fmt: skip
SURGERY = _paper(
    "hoffman2016elbo", "Hoffman, Matthew D. and Johnson, Matthew J.",
    "ELBO surgery: yet another way to carve up the variational evidence lower bound", 2016,
    "NIPS Workshop on Advances in Approximate Bayesian Inference",
)  # fmt: skip
FIELDS = _paper(
    "jacobsen2022disentangling", "Jacobsen, Christian and Duraisamy, Karthik",
    "Disentangling generative factors of physical fields using variational autoencoders", 2022,
    journal="Frontiers in Physics", volume="10", pages="890910",
)  # fmt: skip
DCI = _paper(
    "eastwood2018framework", "Eastwood, Cian and Williams, Christopher K. I.",
    "A framework for the quantitative evaluation of disentangled representations", 2018,
    "International Conference on Learning Representations",
)  # fmt: skip
MIG = _paper(
    "chen2018isolating", "Chen, Ricky T. Q. and Li, Xuechen and Grosse, Roger and Duvenaud, David",
    "Isolating sources of disentanglement in variational autoencoders", 2018,
    "Advances in Neural Information Processing Systems",
)  # fmt: skip
SAP = _paper(
    "kumar2018variational", "Kumar, Abhishek and Sattigeri, Prasanna and Balakrishnan, Avinash",
    "Variational inference of disentangled latent concepts from unlabeled observations", 2018,
    "International Conference on Learning Representations",
)  # fmt: skip
FACTOR_VAE = _paper(
    "kim2018disentangling", "Kim, Hyunjik and Mnih, Andriy", "Disentangling by factorising", 2018,
    "International Conference on Machine Learning",
)  # fmt: skip
UDR = _paper(
    "duan2020unsupervised",
    "Duan, Sunny and Matthey, Loic and Saraiva, Andre and Watters, Nick and Burgess, Christopher P. and Lerchner, "
    "Alexander and Higgins, Irina",
    "Unsupervised model selection for variational disentangled representation learning", 2020,
    "International Conference on Learning Representations",
)  # fmt: skip
IRS = _paper(
    "suter2019robustly", "Suter, Raphael and Miladinović, Đorđe and Schölkopf, Bernhard and Bauer, Stefan",
    "Robustly disentangled causal mechanisms: validating deep representations for interventional robustness", 2019,
    "International Conference on Machine Learning",
)  # fmt: skip
SUPPORT = _paper(
    "roth2023disentanglement",
    "Roth, Karsten and Ibrahim, Mark and Akata, Zeynep and Vincent, Pascal and Bouchacourt, Diane",
    "Disentanglement of correlated factors via Hausdorff factorized support", 2023,
    "International Conference on Learning Representations",
)  # fmt: skip
BOUNDED = _paper(
    "erdogan2013class", "Erdogan, Alper T.",
    "A class of bounded component analysis algorithms for the separation of both independent and dependent sources",
    2013, journal="IEEE Transactions on Signal Processing", volume="61",
)  # fmt: skip
INFO_VAE = _paper(
    "zhao2019infovae", "Zhao, Shengjia and Song, Jiaming and Ermon, Stefano",
    "InfoVAE: balancing learning and inference in variational autoencoders", 2019,
    "AAAI Conference on Artificial Intelligence",
)  # fmt: skip
VAMP = _paper(
    "tomczak2018vae", "Tomczak, Jakub M. and Welling, Max", "VAE with a VampPrior", 2018,
    "International Conference on Artificial Intelligence and Statistics",
)  # fmt: skip
QUANTISED = _paper(
    "hsu2023disentanglement",
    "Hsu, Kyle and Dorrell, William and Whittington, James C. R. and Wu, Jiajun and Finn, Chelsea",
    "Disentanglement via latent quantization", 2023, "Advances in Neural Information Processing Systems",
)  # fmt: skip
REGULARISERS: Mapping[str, Reference] = {
    "total-correlation": MIG,
    "factor": FACTOR_VAE,
    "mmd": INFO_VAE,
    "hausdorff": SUPPORT,
}

#: measures by the beginning of their names, as they stand in a file of results
MEASURES: Mapping[str, Reference] = {
    "s_d": FIELDS,
    "s_r": FIELDS,
    "s_kl": FIELDS,
    "mig": MIG,
    "dci": DCI,
    "sap": SAP,
    "factor_vae": FACTOR_VAE,
    "beta_vae": BETA_VAE,
    "udr": UDR,
    "irs": IRS,
}


def beable_itself() -> Reference:
    """The package, in the installed version."""
    return Reference("beable", "software", f"{{{AUTHORS}}}", TITLE, version=version("beable"), note=LICENSE)


def citations(
    settings: RunSettings | Sequence[RunSettings] = (), *, systems: Iterable[str] = (), measures: Iterable[str] = ()
) -> list[Reference]:
    """What to cite, each once: beable first, then sources, then methods.

    Args:
        settings: of the runs that are reported.
        systems: physical systems whose simulator, data or study was used.
        measures: names of measures that are reported, such as "s_d" or "mig_knn"; unknown ones are passed over.

    >>> [reference.key for reference in citations(RunSettings(), measures=["mig_knn"])][:4]
    ['beable', 'kingma2014auto', 'kingma2015adam', 'rybkin2021simple']
    """
    every = [settings] if isinstance(settings, RunSettings) else list(settings)
    found = [beable_itself()]
    found += [reference for name in dict.fromkeys(systems) if name in SYSTEMS for reference in SYSTEMS[name].cite]
    found += [reference for each in every for reference in methods(each)]
    found += [
        ref for name in measures for start, ref in MEASURES.items() if name == start or name.startswith(f"{start}_")
    ]
    return list({reference.key: reference for reference in found}.values())


def methods(settings: RunSettings) -> list[Reference]:
    """The papers of the methods that a training uses.

    Args:
        settings: of the run.
    """
    model, objective, training = settings.model, settings.objective, settings.training
    rule = objective.beta
    weights = getattr(rule, "beta", None)
    used = {
        VAE: True,
        ADAM: True,
        BETA_VAE: weights is not None and weights != 1.0,
        SURGERY: isinstance(weights, tuple),
        CALIBRATED: model.likelihood == "normal" and model.variance != "fixed",
        CYCLICAL: rule.kind == "cyclical",
        HIERARCHICAL: rule.kind == "feedback" or model.prior == "hierarchical",
        FIELDS: model.prior == "hierarchical" or objective.labels is not None,
        ICA: model.linear and training.start in ("ica", "mixed"),
        POD: settings.representation.kind == "modes",
        DEEP_SETS: model.network == "points",
        MATCHING: objective.particles is not None and objective.particles.matching > 0,
        SUPPORT: model.linear and training.start == "support",
        BOUNDED: model.linear and training.start == "support",
        VAMP: model.prior == "vamp",
        QUANTISED: model.quantised is not None,
    }
    found = [reference for reference, applies in used.items() if applies]
    return found if objective.regulariser is None else [*found, REGULARISERS[objective.regulariser.kind]]


def measures_in(results: Any) -> list[str]:
    """Names of measures that stand anywhere in a tree of results."""
    if isinstance(results, Mapping):
        own = [str(results["metric"])] if "metric" in results else []
        return [*own, *map(str, results), *(name for inner in results.values() for name in measures_in(inner))]
    return [name for inner in results for name in measures_in(inner)] if isinstance(results, list) else []
