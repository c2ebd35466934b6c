"""Parts of any DAG: within the size where they can be, what belongs together in one, no two waiting for each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compiler.lower.split.partition import Piece, divide

CAPACITY = 100
TEMPLATES = {"a": 10, "b": 30}


@st.composite
def pieces(draw: st.DrawFn) -> list[Piece]:
    made: list[Piece] = []
    for number in range(draw(st.integers(1, 25))):
        names = [piece.name for piece in made]
        some = st.lists(st.sampled_from(names), max_size=3, unique=True) if names else st.just([])
        before = tuple(draw(some))
        bound = tuple(name for name in before if draw(st.integers(0, 5)) == 0)
        made.append(
            Piece(
                f"t{number}",
                before,
                bound,
                draw(st.integers(1, 40)),
                (draw(st.sampled_from(["a", "b"])),),
                draw(st.integers(0, 9)) == 0,
                draw(st.sampled_from(["", "", "", "x"])),
            )
        )
    order: list[Piece] = draw(st.permutations(made))
    return order


@given(pieces())
def test_parts(given_: list[Piece]) -> None:
    parts = divide(given_, TEMPLATES, CAPACITY)
    homes = {name: number for number, part in enumerate(parts) for name in part}
    by_name = {piece.name: piece for piece in given_}
    assert len(homes) == sum(map(len, parts))
    assert {piece.name for piece in given_ if piece.kept}.isdisjoint(homes)
    for piece in given_:
        assert all(homes.get(name) == homes.get(piece.name) for name in piece.bound)
    for part in parts:
        assert len({by_name[name].condition for name in part}) == 1
        assert list(part) == [piece.name for piece in given_ if piece.name in part]
    _assert_acyclic(given_, homes)


def _assert_acyclic(given_: list[Piece], homes: dict[str, int]) -> None:
    """Parts, and tasks outside of them, can be run one after the other."""
    place = {piece.name: str(homes.get(piece.name, piece.name)) for piece in given_}
    waits: dict[str, set[str]] = {name: set() for name in place.values()}
    for piece in given_:
        waits[place[piece.name]] |= {place[name] for name in piece.before} - {place[piece.name]}
    while waits:
        ready = {name for name, before in waits.items() if not before & waits.keys()}
        assert ready, f"a cycle among {sorted(waits)}"
        waits = {name: before for name, before in waits.items() if name not in ready}


@given(pieces())
def test_a_part_is_too_large_only_if_it_cannot_be_parted(given_: list[Piece]) -> None:
    alone = set(divide(given_, TEMPLATES, 0))
    by_name = {piece.name: piece for piece in given_}
    for part in divide(given_, TEMPLATES, CAPACITY):
        used = {name for task in part for name in by_name[task].templates}
        size = sum(by_name[name].size for name in part) + sum(TEMPLATES[name] for name in used)
        assert size <= CAPACITY or part in alone


def test_components_stay_whole_and_share_a_part() -> None:
    chains = [Piece(f"{c}{n}", (f"{c}{n - 1}",) if n else (), size=20) for n in range(3) for c in "abc"]
    assert divide(chains, {}, 120) == (("a0", "b0", "a1", "b1", "a2", "b2"), ("c0", "c1", "c2"))
    assert divide(chains, {}, 70) == (("a0", "a1", "a2"), ("b0", "b1", "b2"), ("c0", "c1", "c2"))


def test_a_large_component_is_cut_along_its_order() -> None:
    chain = [Piece(f"t{n}", (f"t{n - 1}",) if n else (), size=50) for n in range(5)]
    assert divide(chain, {}, 100) == (("t0", "t1"), ("t2", "t3"), ("t4",))


def test_what_stays_outside_parts_what_is_before_it_from_what_is_after_it() -> None:
    gated = [Piece("a"), Piece("gate", ("a",), kept=True), Piece("b", ("gate",), condition="ok"), Piece("c")]
    assert divide(gated, {}, 1000) == (("a", "c"), ("b",))
