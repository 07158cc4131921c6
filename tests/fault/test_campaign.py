"""Faults at every operation between a coordinator's message and its receipt, judged by a witness outside the machine.

Whatever happened, the ledger on the disk holds a charge for everything that left, no round left as two updates, and no
draw or noise was made twice or differently. ``make test`` takes some points of each kind, ``make campaign`` all of them
and more futures of each. A fault that did not fire fails its test, and so does a witness that misses a planted mistake
(``test_campaign_mutants.py``).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from support.faults.campaign import Campaign
from support.faults.disk import Fault
from support.faults.forks import Forks
from support.faults.machine import Scene, found
from support.faults.world import World, repeated, undercharged

CAMPAIGN = bool(os.environ.get("HEDGEROW_CAMPAIGN"))
PROMISED = 10_000
TALLY: Counter[str] = Counter()
SCENES = {
    "record": ("record", False),
    "record-in-pieces": ("record", True),
    "document": ("document", False),
    "corpus": ("corpus", False),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="operations are told apart by /proc"),
]


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    """A folder in memory where there is one: what is durable is reckoned here, so no drive has to be waited for."""
    place = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="hedgerow-faults-", dir=place if os.access(place, os.W_OK) else None))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield folder
    torch.set_num_threads(threads)
    shutil.rmtree(folder)


@pytest.fixture(scope="module", params=SCENES)
def scene(memory: Path, request: pytest.FixtureRequest) -> Scene:
    unit, large = SCENES[request.param]
    folder = memory / request.param
    folder.mkdir()
    return found(folder, unit, large=large)


@pytest.fixture
def campaign(scene: Scene, memory: Path) -> Iterator[Campaign]:
    folder = Path(tempfile.mkdtemp(dir=memory))
    campaign = Campaign(scene, folder)
    yield campaign
    print(f"{scene.unit}: {dict(sorted(campaign.counts.items()))}, {campaign.lost} operations lost")
    TALLY.update(campaign.counts)
    shutil.rmtree(folder)


def some(
    campaign: Campaign, count: int, which: Callable[[str], bool] = lambda point: True, every: int = 1
) -> list[int]:
    """Numbers of all such points (or of every n-th), or in ``make test`` of so many, evenly chosen."""
    numbers = [number for number, point in enumerate(campaign.points) if which(point)]
    return numbers[::every] if CAMPAIGN else numbers[len(numbers) // count // 2 :: -(-len(numbers) // count)]


def test_deaths_at_every_operation(campaign: Campaign) -> None:
    """Killed, or the power cut, and in some futures once more while it recovers."""
    points = some(campaign, 9)
    campaign.deaths(points, kills=1, cuts=1, twice=2, judged=6 if CAMPAIGN else 2)
    assert campaign.findings == []
    assert campaign.lost > 0, "no power cut took anything back"
    assert campaign.counts["kill in recovery"] + campaign.counts["power cut in recovery"] >= len(points)
    if CAMPAIGN:
        assert campaign.kinds() <= campaign.struck, "an operation was left out"


def test_the_trainer_killed_at_every_operation_of_its_own(campaign: Campaign) -> None:
    points = some(campaign, 5, lambda point: point.startswith("trainer"))
    campaign.trainer_kills(points)
    assert campaign.findings == []
    assert campaign.counts["trainer killed"] >= len(points) - 3


def test_a_full_disk_at_every_operation_that_needs_room(campaign: Campaign) -> None:
    """It is said in a sentence, nothing is lost, and with room again everything goes on to its end."""
    points = some(campaign, 5, lambda point: point.endswith("(room)"))
    campaign.full_disks(points)
    assert campaign.findings == []
    assert campaign.counts["disk full once"] >= len(points) - 30 * CAMPAIGN - 1


def test_clock_jumps_of_years(campaign: Campaign) -> None:
    """Rounds may be missed by a clock that is wrong; privacy does not depend on it."""
    points = some(campaign, 5, every=3)
    campaign.clock_jumps(points)
    assert campaign.findings == []
    assert campaign.counts["clock jump"] >= len(points) - 30 * CAMPAIGN - 1


def test_a_restored_database_spends_nothing(campaign: Campaign) -> None:
    """The keyring knows more than a restored ledger, and nothing new leaves; where it does not, nothing was lost."""
    campaign.restored(some(campaign, 6, every=2)[1:])
    assert campaign.findings == []
    assert campaign.counts["restored database, noticed"] > 0


@pytest.mark.parametrize("scene", ["record"], indirect=True)
def test_a_text_that_changed_in_the_middle_of_a_round(campaign: Campaign) -> None:
    """One key never noises two texts: what was begun with the old one is given up, and stays charged."""
    campaign.changed_texts(some(campaign, 5, lambda point: point.startswith("trainer")))
    assert campaign.findings == []
    assert campaign.counts["text changed, given up"] > 0


@pytest.mark.parametrize("scene", ["record"], indirect=True)
def test_another_file_in_the_place_of_the_sealed_one_is_not_sent(campaign: Campaign) -> None:
    """Both are encrypted under the same key, so only the hash in the ledger tells them apart."""
    (number,) = [n for n, point in enumerate(campaign.points) if "create series.enc" in point][1:2]
    with campaign.life() as life:
        first, second = (life.disk.root / "rounds" / name / "update.sealed" for name in ("1", "2"))
        fault = life.disk.fault = Fault(number, "call", action=lambda: shutil.copy(first, second))
        life.run()
        assert fault.fired
        assert set(life.world.left()) == {1}, "round 2 must not leave as round 1"
        assert any("is not the update that was sealed" in sentence for sentence in life.refusals)


@pytest.mark.parametrize("scene", ["record"], indirect=True)
@pytest.mark.parametrize("honest", [True, False])
def test_a_machine_restored_with_its_keyring_is_noticed_by_an_honest_coordinator_alone(
    campaign: Campaign, honest: bool
) -> None:
    """Ledger and keyring go back together. What the federation saw of the ledger shows it; one that says nothing of
    that cannot be told from one that saw nothing, and then the rounds that left are charged once more only."""
    number = next(n for n, point in enumerate(campaign.points) if "hear ChargeRequest" in point)
    with campaign.life() as life:
        backup = life.disk.root.parent / "backup"
        life.disk.fault = Fault(number, "call", action=lambda: shutil.copytree(life.disk.root, backup))
        assert life.run()
        assert set(life.world.left()) == {1, 2}
        known = life.world.of("keyring")[0].value
        life.world.note("keyring", value=known)
        if not honest:
            life.world.note("ledger")
        with campaign.life(None, backup, life.world) as after:
            sent = {number: set(hashes) for number, hashes in life.world.left().items()}
            after.again = True  # the newest round is asked for once more
            after.run()
            assert not after.rolled_back
            assert undercharged(after.disk.root / "ledger.db", after.world, campaign.scene.cost)
            noticed = any("has seen a newer privacy ledger" in sentence for sentence in after.refusals)
            assert noticed == honest, after.refusals
            assert (after.world.left() == sent) == honest, "nothing new leaves where it is noticed"


@pytest.mark.parametrize("scene", ["record"], indirect=True)
def test_real_kills_at_every_statement_and_operation(scene: Scene, memory: Path) -> None:
    """A process of its own each time, and SIGKILL; every third is killed a second time while it recovers."""
    forks, kills, twice = Forks(scene, memory), 0, 0
    try:
        folder = Path(tempfile.mkdtemp(dir=memory))
        shutil.copytree(scene.home, folder / "home")
        code, points = forks.live(folder / "home", folder / "world")
        assert code == 0
        shutil.rmtree(folder)
        for number in range(3, len(points) - 8, 1 if CAMPAIGN else 24):
            folder = Path(tempfile.mkdtemp(dir=memory))
            home, outside = folder / "home", folder / "world"
            shutil.copytree(scene.home, home)
            code, struck = forks.live(home, outside, number)
            assert code == -9, f"nothing happened at {number}"
            kills += 1
            if number % 3 == 0:
                code, struck = forks.live(home, outside, number % 20)
                assert code == -9, f"nothing happened at {number % 20} of the recovery from {number}"
                kills, twice = kills + 1, twice + 1
            world = World(outside)
            assert undercharged(home / "ledger.db", world, scene.cost) == [], f"{number} ({struck[-1:]})"
            world.close()
            code, _ = forks.live(home, outside)
            assert code == 0, f"after a kill at {number} ({points[number]}) it never came to an end"
            world = World(outside)
            found = undercharged(home / "ledger.db", world, scene.cost) + repeated(world)
            assert found == [], f"{number} ({points[number]})"
            world.close()
            shutil.rmtree(folder)
    finally:
        forks.close()
    TALLY.update({"SIGKILL": kills - twice, "SIGKILL in recovery": twice})
    print(f"{kills} SIGKILLs over {len(points)} points, {twice} of them in recovery")
    assert twice > 0
    assert kills > 10


@pytest.mark.skipif(not CAMPAIGN, reason="counted over the whole campaign")
def test_as_many_faults_as_promised() -> None:
    total = sum(count for name, count in TALLY.items() if "," not in name)
    print(f"{total} faults: {dict(sorted(TALLY.items()))}")
    assert total >= PROMISED
