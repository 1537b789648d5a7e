"""The named worlds: each draws, tells its truth by intervention, and is what its story says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import cxfusion as cx
from cxfusion.errors import UnknownNameError, UsageError
from cxfusion.simulation import WORLDS, Centre, Faults, Repeats, Selection, write_centre
from cxfusion.simulation.repeats import LATEST_DAYS, MOST_PRIOR_CONTACTS
from cxfusion.simulation.satisfaction import draw_scores
from cxfusion.simulation.simulate import draw_days
from cxfusion.simulation.truth import LEVERS, intervene, truth_frame

N_REDRAWS = 150


def of(world: str) -> Centre:
    return WORLDS[world].centre


def days_of(centre: Centre, n_contacts: int = 6_000, seed: int = 4) -> list:
    return [drawn.day for drawn in draw_days(n_contacts, seed, centre)]


def told(centre: Centre, days: list) -> pd.DataFrame:
    return truth_frame(sum(intervene(day.lived, centre) for day in days), centre).set_index("lever")


@pytest.fixture(scope="module")
def truths(tmp_path_factory) -> dict[str, pd.DataFrame]:
    """What the file of every world says, on logs of a thousand contacts."""
    folder = tmp_path_factory.mktemp("worlds")
    return {
        name: pd.read_csv(
            write_centre(folder / name, 1_000, 1, replace(world.centre, n_days=6)).truth, keep_default_na=False
        ).set_index("lever")
        for name, world in WORLDS.items()
    }  # fmt: skip


def test_there_are_many_worlds_and_the_first_is_the_demo():
    assert len(WORLDS) >= 20
    assert next(iter(WORLDS.values())).centre == Centre()
    assert len({world.story for world in WORLDS.values()}) == len(WORLDS)
    assert all(world.name == name and world.story.endswith(".") for name, world in WORLDS.items())


def test_effects_are_there_only_where_the_story_puts_them(truths):
    nothing = {
        "default": {"hold_seconds", "talk_seconds"},
        "calm": {"talk_seconds"},
        "nothing_moves": {"wait_seconds", "n_transfers", "hold_seconds", "talk_seconds"},
        "long_talks": {"n_transfers"},  # waits lengthen talk a little, and talk counts there
        "all_move": set(),
        "bad_days": {"wait_seconds", "talk_seconds"},
        "repeat_contacts": {"hold_seconds", "talk_seconds"},
        "last_straw": {"talk_seconds"},
    }
    for world, names in nothing.items():
        effects = truths[world]["csat_effect"].drop("ivr_seconds")
        assert set(effects.index[effects == 0]) == names, world
        assert (effects.drop(list(names)) > 0).all(), world
    assert all(truth.loc["ivr_seconds", "role_in_story"] == "null" for truth in truths.values())
    assert truths["bad_days"].loc["wait_seconds", "role_in_story"] == "proxy"
    assert truths["calm"].loc["talk_seconds", "role_in_story"] == "null"


def test_what_cannot_be_told_is_named_with_its_reason(truths):
    unknown = {name: set(truth.index[~truth["is_identified"]]) for name, truth in truths.items()}
    during = {"hold_seconds", "talk_seconds", "n_transfers"}
    assert {name: levers for name, levers in unknown.items() if levers} == {
        "blind_wrap": during,
        "shared_noise": during,
        "picked_customers": during | {"wait_seconds"},
        "repeat_contacts": {"n_prior_contacts"},
        "front_of_the_queue": {"wait_seconds"},
        "chatty_customers": {"talk_seconds"},
    }
    for truth in truths.values():
        assert (truth["is_identified"] == (truth["why_not"] == "")).all()


@pytest.mark.parametrize("world", ["repeat_contacts", "dirty_rows", "wrong_links"])
def test_same_seed_same_bytes_in_worlds_too(tmp_path, world):
    one, two = (write_centre(tmp_path / name, 1_500, 5, of(world)) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_files_hold_the_same_rows_however_many_are_gathered_before_writing(tmp_path, monkeypatch):
    from cxfusion.simulation.files import ParquetFile

    at_once = write_centre(tmp_path / "one", 1_500, 5, of("dirty_rows"))
    monkeypatch.setattr(ParquetFile, "ROW_GROUP", 100)
    in_parts = write_centre(tmp_path / "two", 1_500, 5, of("dirty_rows"))
    for one, two in zip(at_once[:2], in_parts[:2], strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(one), pd.read_parquet(two))
    assert at_once.truth.read_bytes() == in_parts.truth.read_bytes()


def test_a_world_is_asked_for_by_name():
    drawn = cx.simulate(1_000, 3, world="calm")
    assert drawn.centre == of("calm")
    with pytest.raises(UnknownNameError, match="'bad_day': nearest are bad_days"):
        cx.simulate(1_000, 3, world="bad_day")
    with pytest.raises(UsageError, match="Both world and centre"):
        cx.simulate(1_000, 3, world="calm", centre=Centre())


# --- the truth, against worlds written out by hand -------------------------------------------------------------------


def annoying(seconds: np.ndarray) -> np.ndarray:
    past = np.where(seconds > 15, seconds - 15, 0) / 300
    return 1 - np.exp(-past * past)


def too_long(seconds: np.ndarray) -> np.ndarray:
    return np.interp(seconds, [120, 140], [0, 1])


def weary(hold: np.ndarray) -> np.ndarray:
    return 1 - 1 / (1 + hold / 120)


def by_hand(world: str, x: dict[str, np.ndarray]) -> np.ndarray:
    """Latent satisfaction, as the story has it."""
    annoyed = too_long if world == "threshold" else annoying
    wait = annoyed(x["wait_seconds"])
    rewait = annoyed(x["rewait_seconds"])
    latent = x["background"] - 0.55 * x["n_transfers"] - 0.5 * rewait
    match world:
        case "all_move":
            tired = 1 - 1 / (1 + (x["talk_seconds"] / 400) ** 2)
            return latent - 2.0 * wait - 1.4 * weary(x["hold_seconds"]) - 1.3 * tired
        case "threshold":
            return latent - wait
        case "last_straw":
            return latent - 2.0 * wait - (0.8 + 2.5 * wait) * weary(x["hold_seconds"])
        case "repeat_contacts":
            return latent - 2.0 * wait - 0.45 * x["n_prior_contacts"] ** 0.5
    raise AssertionError(world)


def redrawn(more: np.ndarray, less: np.ndarray, weight: np.ndarray, centre: Centre) -> np.ndarray:
    gains = []
    for seed in range(N_REDRAWS):
        csat, csat_less = (draw_scores(side, centre, np.random.default_rng(seed))[0] for side in (more, less))
        gains.append(weight @ (csat - csat_less))
    return np.array(gains)


@pytest.mark.parametrize(
    ("world", "lever"),
    [
        ("all_move", "wait_seconds"),  # its talk included
        ("all_move", "hold_seconds"),
        ("all_move", "talk_seconds"),
        ("threshold", "wait_seconds"),
        ("last_straw", "wait_seconds"),
        ("last_straw", "hold_seconds"),
        ("repeat_contacts", "n_prior_contacts"),
    ],
)
def test_the_truth_is_what_drawing_again_with_the_lever_turned_gives(world, lever):
    centre = of(world)
    days = [drawn.day for drawn in draw_days(7_000, 11, replace(centre, n_days=7))]
    truth = told(centre, days).loc[lever]
    x = {name: np.concatenate([getattr(day.lived, name) for day in days]).astype(float) for name in vars(days[0].lived)}
    turn = 0.05
    if lever == "n_prior_contacts":
        more, less, weight = x, {**x, lever: np.maximum(x[lever] - 1, 0)}, x[lever]
    else:
        more, less = ({**x, lever: x[lever] * factor} for factor in (1 + turn, 1 - turn))
        weight = np.full(len(x[lever]), 1 / (2 * turn))
    if (world, lever) == ("all_move", "wait_seconds"):
        for side in (more, less):
            venting = np.exp(0.05 * (annoying(side["wait_seconds"]) - annoying(x["wait_seconds"])))
            side["talk_seconds"] = x["talk_seconds"] * venting
    effects = truth["step"] * redrawn(by_hand(world, more), by_hand(world, less), weight, centre) / x[lever].sum()
    std_error = effects.std(ddof=1) / np.sqrt(N_REDRAWS)
    assert std_error < 0.06 * truth["csat_effect"], "too few redraws to tell"
    curvature = 0.0 if lever == "n_prior_contacts" else 0.02
    assert abs(effects.mean() - truth["csat_effect"]) < 4 * std_error + curvature * truth["csat_effect"]


# --- ingredients ------------------------------------------------------------------------------------------------------


def test_customers_come_back_within_a_week_and_the_log_knows_who_called_before(tmp_path):
    centre = Centre(n_days=45, repeats=Repeats())
    drawn = list(draw_days(12_000, 2, centre))
    log = pd.read_parquet(write_centre(tmp_path, 12_000, 2, centre).contacts)
    prior = np.concatenate([each.day.arrivals.n_prior_contacts for each in drawn])
    earlier = log.groupby("customer_id").cumcount()
    assert (earlier == prior).all()
    assert prior.max() == MOST_PRIOR_CONTACTS
    assert 0.1 < (prior[len(prior) // 2 :] > 0).mean() < 0.35
    gaps = log.groupby("customer_id")["started_at"].diff().dropna().dt.total_seconds() / 86_400
    assert gaps.between(0.4, LATEST_DAYS + 0.6).all()
    assert not log[["customer_id", "reason"]].drop_duplicates()["customer_id"].duplicated().any()
    came_back = log["customer_id"].duplicated(keep="last")
    assert came_back[log["is_abandoned"]].mean() > 1.5 * came_back[~log["is_abandoned"]].mean()


def test_hard_cases_come_back_and_stay_hard():
    days = [drawn.day for drawn in draw_days(20_000, 2, Centre(n_days=20, repeats=Repeats()))]
    hidden = np.concatenate([day.handling.hidden_difficulty for day in days])
    prior = np.concatenate([day.arrivals.n_prior_contacts for day in days])
    assert hidden[prior > 0].mean() > 0.05 + hidden[prior == 0].mean()


def test_those_who_answer_are_those_the_selection_favours():
    def mean_answer(**selection: float) -> tuple[float, float]:
        centre = Centre(n_days=1, response_rate=0.3, selection=Selection(**selection))
        (drawn,) = draw_days(40_000, 3, centre)
        from cxfusion.simulation.responses import draw_responses

        csat = draw_responses(centre, drawn.day, drawn.rng).csat
        return csat.mean(), np.isin(csat, [1, 5]).mean()

    as_it_is, angry, extreme, picked = (
        mean_answer(), mean_answer(discontent=0.25), mean_answer(extremes=0.35), mean_answer(picking=0.8)
    )  # fmt: skip
    assert angry[0] < as_it_is[0] - 0.3
    assert extreme[1] > as_it_is[1] + 0.08
    assert picked[0] > as_it_is[0] + 0.05


def test_paperwork_and_mood_and_shared_noise_reach_the_wrap():
    def marks(centre: Centre) -> pd.DataFrame:
        (drawn,) = draw_days(30_000, 3, replace(centre, n_days=1))
        day, answered = drawn.day, drawn.day.answered
        difficulty = day.handling.hidden_difficulty[answered]
        reason = day.arrivals.reason[answered]
        logs = {"wrap": np.log1p(day.wrap_seconds[answered]), "talk": np.log1p(day.lived.talk_seconds)}
        columns = {"wait": day.lived.wait_seconds, "difficulty": difficulty, **logs}
        frame = pd.DataFrame(columns)
        fixed = frame - frame.groupby(reason).transform("mean")
        return fixed.assign(reason=reason, raw=logs["wrap"])

    usual, blind, shared, angry, paper = (
        marks(of(world)) for world in ("default", "blind_wrap", "shared_noise", "angry_notes", "paperwork")
    )
    assert usual["wrap"].corr(usual["difficulty"]) > 0.4
    assert abs(blind["wrap"].corr(blind["difficulty"])) < 0.08
    assert shared["wrap"].corr(shared["talk"]) > usual["wrap"].corr(usual["talk"]) + 0.1
    assert abs(usual["wrap"].corr(usual["wait"])) < 0.03 < angry["wrap"].corr(angry["wait"])
    between = [frame.groupby("reason")["raw"].mean().std() for frame in (usual, paper)]
    assert between[1] > 2 * between[0]


def test_systems_err_as_often_as_they_are_told_to(tmp_path):
    clean = write_centre(tmp_path / "clean", 20_000, 3, Centre())
    faults = Faults(
        wrong_link_share=0.1, unlinked_share=0.2, slow_clock_share=0.3, slow_clock_seconds=3_600, dirty_share=0.08
    )
    spoilt = write_centre(tmp_path / "spoilt", 20_000, 3, Centre(faults=faults))
    assert clean.truth.read_bytes() == spoilt.truth.read_bytes()
    (contacts, surveys), (log, answers) = (
        (pd.read_parquet(files.contacts), pd.read_parquet(files.surveys)) for files in (clean, spoilt)
    )
    twice = log["contact_id"].duplicated()
    assert twice.mean() == pytest.approx(0.02, abs=0.006)
    log = log[~twice].merge(contacts, on="contact_id", suffixes=("", "_true"))
    assert len(log) == len(contacts)
    assert (log["wait_seconds"] < 0).mean() == pytest.approx(0.02, abs=0.006)
    lost = log["talk_seconds"].isna() & log["talk_seconds_true"].notna()
    assert lost.mean() == pytest.approx(0.02, abs=0.006)
    answers = answers.drop_duplicates("response_id").merge(surveys, on="response_id", suffixes=("", "_true"))
    assert len(answers) == len(surveys)
    late = (answers["answered_at_true"] - answers["answered_at"]).dt.total_seconds()
    assert set(late) == {0.0, 3_600.0}
    assert (late > 0).mean() == pytest.approx(0.3, abs=0.05)
    named = answers["contact_id"].notna()
    assert named.mean() == pytest.approx(0.8, abs=0.05)
    other = named & ~answers["contact_id"].isin(["c_lost"]) & (answers["contact_id"] != answers["contact_id_true"])
    assert other.mean() == pytest.approx(0.08, abs=0.03)
    queue = contacts.set_index("contact_id")["queue"]
    swapped = answers[other]
    assert (queue[swapped["contact_id"]].to_numpy() == queue[swapped["contact_id_true"]].to_numpy()).all()
    assert (answers["csat"] > 5).mean() == pytest.approx(0.027, abs=0.015)


def test_every_lever_of_the_truth_is_a_column_of_the_lived():
    (day,) = days_of(Centre(n_days=1), 2_000)
    assert all(hasattr(day.lived, lever.name) for lever in LEVERS)
