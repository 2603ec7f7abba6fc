"""Small inputs for the commands that pages show, made from the built-in neck, mostly by the program itself."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK
from typer.testing import CliRunner

from tests.docs.shown_commands import REPOSITORY, blocks
from tests.docs.tables import SMALLER
from validation.case import Case, Contour, Image, Structure, read_seed_csv, write_seed_csv
from validation.case.seed_finder_trial import filled_voxels
from validation.cli import app


def run_seedmc(*words: str) -> str:
    """Run a command of the program in this process; fail with what it said."""
    done = CliRunner().invoke(app, list(words))
    said = f"{done.output}\n{done.exception or ''}"
    assert done.exit_code == 0, f"seedmc {' '.join(words)} ended with {done.exit_code}: {said}"
    return done.output


def _smaller(*words: str) -> list[str]:
    for length in (3, 2):
        if extra := SMALLER.get(" ".join(("seedmc", *words[: length - 1]))):
            return [*words, *extra.split()]
    return list(words)


def _block(page: str, number: int, language: str = "text") -> str:
    """The example of a page, which a reader copies into a file."""
    found = [text for kind, _, text in blocks(REPOSITORY / "docs" / page) if kind == language]
    return found[number] + "\n"


def _coarser(structure: Structure) -> Structure:
    """Contours of some 40 corners: those of the built-in neck have up to a thousand."""
    contours = [Contour(c.z, c.points[:: max(1, len(c.points) // 40)]) for c in structure.contours]
    return replace(structure, contours=tuple(contours))


class World:
    """Files by the names that pages use; each is made when a command first asks for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, Path] = {}

    def get(self, name: str) -> Path:
        """Path of a stand-in, made if need be."""
        if name not in self._made:
            self._made[name] = self.folder / name.replace("/", "_")
            self._makers()[name](self._made[name])
        return self._made[name]

    def lend(self, word: str, folder: Path, command: str) -> None:
        """Put what a word of a command names into the folder it runs in, unless it is there."""
        path = word.rpartition("=")[2].rpartition(":")[0] or word.rpartition("=")[2]
        for name in self._makers():
            place = folder / name
            if (path.rstrip("/") == name or path.startswith(f"{name}/")) and not place.exists():
                source = self.get(
                    f"study/{name}"
                    if command.startswith("seedmc study") and name.startswith("part_")
                    else name
                )
                place.parent.mkdir(parents=True, exist_ok=True)
                if name == "seeds_so_far.csv" and (planned := folder / "plan.h5").exists():
                    self._some_seeds(place, planned)  # of the plan that the page has made
                    return
                copy = shutil.copytree if source.is_dir() else shutil.copy
                copy(source, place)  # type: ignore[operator]
                return

    def _makers(self) -> dict[str, Callable[[Path], object]]:
        return {
            "case.h5": self._case,
            "patient": self._patient,
            "plan.h5": lambda p: run_seedmc("case", "import", str(self.get("patient")), "--out", str(p)),
            "post_ct": self._post_implant_ct,
            "post.h5": lambda p: shutil.copy(self.get("case.h5"), p),
            "thyroid.nii.gz": lambda p: self._mask(p, 0.6),
            "ptv.nii.gz": lambda p: self._mask(p, 0.9),
            "ptv.nrrd": lambda p: self._mask(p, 0.9),
            "lung.nii.gz": lambda p: self._mask(p, 0.5),
            "neck.egsphant.gz": self._egsphant,
            "seeds.csv": lambda p: write_seed_csv(self.case.implant, p),
            "seeds_so_far.csv": lambda p: self._some_seeds(p, self.get("plan.h5")),
            "monte_carlo.h5": lambda p: self._step(p, "simulate"),
            "part_0.h5": lambda p: self._step(p, "simulate", "--batches", "0:20"),
            "part_1.h5": lambda p: self._step(p, "simulate", "--batches", "20:40"),
            "tg43.h5": lambda p: self._step(p, "tg43"),
            "comparison.h5": self._comparison,
            "budget.h5": self._budget,
            "characterisation.h5": lambda p: shutil.copy(self._own_seed() / "characterisation.h5", p),
            "tps_rtdose.dcm": self._rtdose,
            "rtdose.dcm": self._rtdose,
            "my_seed.json": lambda p: p.write_text(_block("seeds.md", 0, "json")),
            "my_seed/tg43.json": lambda p: shutil.copy(self._own_seed() / "tg43.json", p),
            "clinic.json": lambda p: p.write_text(_block("file_formats/hounsfield_curve.md", 0, "json")),
            "lesions.csv": lambda p: p.write_text(_block("file_formats/cohort.md", 0)),
            "diameters.csv": lambda p: p.write_text(_block("file_formats/cohort.md", 1)),
            "follow_up.csv": lambda p: p.write_text(_block("file_formats/cohort.md", 3)),
            "workflow/config/scenarios.tsv": lambda p: shutil.copy(REPOSITORY / "workflow/config/scenarios.tsv", p),
            "my_scenarios.tsv": lambda p: p.write_text(_block("guide/add_a_study.md", 0)),
            "mine.yaml": lambda p: p.write_text("cases:\n  - name: neck\n    input: neck\n"),
            "settings.json": self._settings,
            "study/part_0.h5": lambda p: self._members(p, "0:250"),
            "study/part_1.h5": lambda p: self._members(p, "250:500"),
            "study.h5": self._study,
            "check": self._check,
            "before": self._run,
            "after": self._run,
            "results/patient": self._run,
            "results/demo": self._run,
            "results/neck": self._run,
            "results/post/post_case.h5": lambda p: shutil.copy(self.get("case.h5"), p),
        }  # fmt: skip

    @property
    def case(self) -> Case:
        return Case.read(self.get("case.h5"))

    def _case(self, path: Path) -> None:
        """The neck, coarser, with a thyroid, which the built-in one does not have."""
        mask, fine = self.get("thyroid.nii.gz"), path.with_suffix(".fine")
        run_seedmc("case", "import", "neck", "--mask", f"THYROID={mask}", "--out", str(fine))
        case = Case.read(fine)
        image = Image(case.image.hu[::2, ::2], case.image.x[::2], case.image.y[::2], case.image.z)
        structures = {name: _coarser(structure) for name, structure in case.structures.items()}
        replace(case, image=image, structures=structures).write(path)

    def _patient(self, path: Path) -> None:
        formats = ["--format", "ct", "--format", "rtstruct", "--format", "rtplan"]
        run_seedmc("export", str(self.get("case.h5")), *formats, "--out", str(path))
        (path / "rtplan.dcm").rename(path / "pre.dcm")

    def _post_implant_ct(self, path: Path) -> None:
        """Seeds 1 mm off their places, painted into the patient's CT."""
        plan = Case.read(self.get("plan.h5"))
        image, implant = plan.image, plan.implant
        off = np.random.default_rng(3).normal(0, 0.1, implant.positions.shape)
        metal = filled_voxels(implant.positions + off, implant.axes, image.x, image.y, image.z)
        hu = np.clip(image.hu + 18000 * metal, -1024, 3071)
        implanted = path.with_suffix(".h5")
        replace(plan, image=Image(hu, image.x, image.y, image.z)).write(implanted)
        run_seedmc("export", str(implanted), "--format", "ct", "--out", str(path))

    def _mask(self, path: Path, radius: float) -> None:
        """A ball of this radius, cm, about the middle of the neck's seeds."""
        neck = Case.read("neck")
        image, centre = neck.image, neck.implant.positions.mean(axis=0)
        x, y, z = np.meshgrid(image.x, image.y, image.z, indexing="ij")
        inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2 < radius**2
        written = SimpleITK.GetImageFromArray(inside.astype(np.uint8).transpose(2, 1, 0))
        written.SetOrigin([float(10 * axis[0]) for axis in (image.x, image.y, image.z)])
        written.SetSpacing([float(10 * (axis[1] - axis[0])) for axis in (image.x, image.y, image.z)])
        SimpleITK.WriteImage(written, str(path))

    def _egsphant(self, path: Path) -> None:
        folder = path.with_suffix(".folder")
        run_seedmc("export", "neck", "--format", "egsphant", "--egs-voxel", "4", "--out", str(folder))
        shutil.copy(next(folder.glob("*.egsphant.gz")), path)

    def _some_seeds(self, path: Path, plan: Path) -> None:
        """The seeds of a plan's first needle."""
        run_seedmc("export", str(plan), "--format", "csv", "--out", str(path.with_suffix("")))
        implant = read_seed_csv(path.with_suffix("") / "seeds.csv")
        first = implant.needles == implant.needles[0]
        names = ("positions", "axes", "air_kerma_strengths", "needles")
        write_seed_csv(replace(implant, **{name: getattr(implant, name)[first] for name in names}), path)

    def _step(self, path: Path, *words: str) -> None:
        run_seedmc(*_smaller(words[0], str(self.get("case.h5")), *words[1:], "--out", str(path), *(
            ("--quiet",) if words[0] == "simulate" else ()
        )))  # fmt: skip

    def _comparison(self, path: Path) -> None:
        doses = (str(self.get(name)) for name in ("case.h5", "monte_carlo.h5", "tg43.h5"))
        run_seedmc(*_smaller("compare", *doses, "--out", str(path)))

    def _rtdose(self, path: Path) -> None:
        folder = path.with_suffix(".folder")
        files = (str(self.get(name)) for name in ("case.h5", "tg43.h5"))
        run_seedmc("export", *files, "--format", "rtdose", "--out", str(folder))
        shutil.copy(folder / "rtdose_tg43.dcm", path)

    def _own_seed(self) -> Path:
        """The folder of a characterisation."""
        if not (folder := self.folder / "characterised").exists():
            run_seedmc(
                *_smaller("characterise", str(self.get("my_seed.json")), "--out", str(folder), "--quiet")
            )
        return folder

    def _budget(self, path: Path) -> None:
        folder = path.with_suffix(".folder")
        run_seedmc(*_smaller("budget", str(self.get("case.h5")), "--out", str(folder), "--quiet"))
        shutil.copy(folder / "budget.h5", path)

    def _settings(self, path: Path) -> None:
        case = str(self.get("case.h5"))
        run_seedmc(
            *_smaller("study", "settings", "displacement", case, "--sigma-mm", "1,3", "--out", str(path))
        )

    def _members(self, path: Path, members: str, engine: str = "tg43") -> None:
        words = ["study", "members", str(self.get("case.h5")), str(self.get("settings.json"))]
        run_seedmc(*words, "--engine", engine, "--members", members, "--out", str(path), "--quiet")

    def _study(self, path: Path) -> None:
        self._members(simulated := path.with_suffix(".mc"), "0:2", "monte_carlo")
        parts = [self.get("study/part_0.h5"), self.get("study/part_1.h5"), simulated]
        run_seedmc("study", "merge", *map(str, parts), "--out", str(path))

    def _check(self, path: Path) -> None:
        plan, scan = str(self.get("case.h5")), str(self.get("post_ct"))
        run_seedmc(*_smaller("post-implant", plan, scan, "--out", str(path), "--quiet"))

    def _run(self, path: Path) -> None:
        if not (done := self.folder / "run").exists():
            run_seedmc(*_smaller("run", str(self.get("case.h5")), "--out", str(done), "--quiet"))
        shutil.copytree(done, path, copy_function=os.link)
