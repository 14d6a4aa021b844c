"""Cases of OpenFOAM as blockMesh and a solver write them, in text: two by two cells at times 0, 0.5 and 1."""

import numpy as np

TIMES = ("0", "0.5", "1")
PRESSURE = np.arange(4.0) + 10 * np.arange(3.0)[:, None]  # times, cells
VELOCITY = np.random.default_rng(0).normal(size=(3, 4, 3)).round(3)
VELOCITY[0] = 0
HEAD = 'FoamFile\n{{\n version 2.0;\n format ascii;\n class {0};\n location "{2}";\n object {1};\n}}\n'
CONTROL = "application icoFoam;\nstartFrom startTime;\nstartTime 0;\nendTime 1;\ndeltaT 0.5;\nwriteFormat ascii;\n"
SIDE = 2


def case(folder, processors=0):
    """Write a case, or one cut into parts for several processors, side by side along x."""
    (folder / "system").mkdir(parents=True)
    (folder / "system" / "controlDict").write_text(HEAD.format("dictionary", "controlDict", "system") + CONTROL)
    for number in range(max(processors, 1)):
        where = folder / f"processor{number}" if processors else folder
        mesh(where / "constant" / "polyMesh", float(number))
        for i, time in enumerate(TIMES):
            snapshot(where / time, PRESSURE[i] + 100 * number, VELOCITY[i])
    (folder / "case.foam").touch()
    return folder / "case.foam"


def mesh(folder, begin=0.0):
    """Write the mesh: corners, faces, and which cells these part."""
    folder.mkdir(parents=True)
    inner, outer = faces()
    every = [*inner, *outer]
    corners = [(begin + i / SIDE, j / SIDE, 0.1 * k) for k in (0, 1) for j in range(3) for i in range(3)]
    patch = f"1\n(\nwalls\n{{\n type wall;\n nFaces {len(outer)};\n startFace {len(inner)};\n}}\n)\n"
    written = {
        "points": ("vectorField", listed(f"({x:g} {y:g} {z:g})" for x, y, z in corners)),
        "faces": ("faceList", listed(f"4({' '.join(map(str, face[0]))})" for face in every)),
        "owner": ("labelList", listed(face[1] for face in every)),
        "neighbour": ("labelList", listed(face[2] for face in inner)),
        "boundary": ("polyBoundaryMesh", patch),
    }
    for name, (kind, text) in written.items():
        (folder / name).write_text(HEAD.format(kind, name, "constant/polyMesh") + text)


def faces():
    """Faces between cells and those of the outside: corners, the cell that owns it, and its neighbour."""
    inner, outer = [], []
    for j in range(SIDE):
        for i in range(SIDE):
            own = SIDE * j + i
            a, b, c, d = (corner(i + p, j + q, 0) for p, q in ((0, 0), (1, 0), (1, 1), (0, 1)))
            e, f, g, h = (n + 9 for n in (a, b, c, d))
            sides = {"left": (a, e, h, d), "right": (b, c, g, f), "down": (a, b, f, e), "up": (d, h, g, c)}
            inner += [(sides["right"], own, own + 1)] * (i == 0) + [(sides["up"], own, own + SIDE)] * (j == 0)
            open_ = ("left" if i == 0 else "right", "down" if j == 0 else "up")
            outer += [(side, own) for side in (*(sides[name] for name in open_), (a, d, c, b), (e, f, g, h))]
    return sorted(inner, key=lambda face: face[1:]), outer


def corner(i, j, k):
    return 9 * k + 3 * j + i


def snapshot(folder, pressure, velocity):
    """Write p and U of a time; U alike in all cells is one vector."""
    folder.mkdir(parents=True)
    field(folder, "p", "volScalarField", "[0 2 -2 0 0 0 0]", "nonuniform List<scalar>\n" + listed(pressure))
    rest = "uniform (0 0 0)"
    moving = "nonuniform List<vector>\n" + listed(f"({a:g} {b:g} {c:g})" for a, b, c in velocity)
    field(folder, "U", "volVectorField", "[0 1 -1 0 0 0 0]", moving if velocity.any() else rest)


def field(folder, name, kind, dimensions, values):
    body = (
        f"dimensions {dimensions};\ninternalField {values};\nboundaryField\n{{\n walls {{ type zeroGradient; }}\n}}\n"
    )
    (folder / name).write_text(HEAD.format(kind, name, folder.name) + body)


def listed(items):
    lines = [str(item) for item in items]
    return f"{len(lines)}\n(\n" + "\n".join(lines) + "\n)\n"
