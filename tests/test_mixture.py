import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.errors import ConfigError
from chinchilla.instructions.mixture import MixOptions, apportion, draw_mix, plan_mix, shuffled

SIZES = {"duie": 10_000, "msra": 2_500, "weibo": 100}


def test_without_wishes_everything_is_taken_once():
    assert not MixOptions().is_active
    assert plan_mix(SIZES, MixOptions()) == SIZES


def test_a_total_keeps_the_proportions_within_one():
    # 1000 * (10000, 2500, 100) / 12600 = 793.65, 198.41, 7.94
    assert plan_mix(SIZES, MixOptions(total=1000)) == {"duie": 794, "msra": 198, "weibo": 8}


def test_weights_multiply_the_sizes_and_zero_leaves_out():
    # shares 10000 : 5000 : 0; 10000 duie allow 5000 msra, but there are 2500
    options = MixOptions(weights={"msra": 2, "weibo": 0})
    assert plan_mix(SIZES, options) == {"duie": 5000, "msra": 2500, "weibo": 0}


def test_temperature_evens_out_the_sources():
    # square roots 100 : 50 : 10, as many as 100 weibo records allow
    assert plan_mix(SIZES, MixOptions(temperature=2)) == {"duie": 1000, "msra": 500, "weibo": 100}


def test_what_a_source_cannot_give_goes_to_the_others():
    # of 2000, weibo's share 125 is capped at 100 by its size; 1900 are split 2 : 1
    plan = plan_mix(SIZES, MixOptions(temperature=2, total=2000))
    assert plan == {"duie": 1267, "msra": 633, "weibo": 100}


def test_repetition_lifts_the_limit():
    plan = plan_mix(SIZES, MixOptions(temperature=2, total=2000, repeat=2))
    assert plan == {"duie": 1250, "msra": 625, "weibo": 125}


def test_caps_limit_and_quotas_fix():
    assert plan_mix(SIZES, MixOptions(caps={"*": 1000, "msra": 20})) == {
        "duie": 1000,
        "msra": 20,
        "weibo": 100,
    }
    assert plan_mix(SIZES, MixOptions(quotas={"duie": 500})) == {**SIZES, "duie": 500}
    options = MixOptions(quotas={"weibo": 100}, total=1100)
    assert plan_mix(SIZES, options) == {"duie": 800, "msra": 200, "weibo": 100}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (MixOptions(weights={"dui": 1}), "no records of 'dui'; did you mean 'duie'"),
        (MixOptions(quotas={"weibo": 101}), "weibo=101, but there are 100 records; raise --repeat"),
        (MixOptions(temperature=0), "temperature is 0; expected more than 0"),
        (MixOptions(weights={"duie": -1}), "duie=-1; expected 0 or more"),
        (MixOptions(quotas={"duie": 50}, total=10), "quotas add up to 50, more than the total 10"),
        (MixOptions(repeat=0), "repeat is 0"),
    ],
)
def test_what_cannot_be_mixed_says_why(options, message):
    with pytest.raises(ConfigError, match=message):
        plan_mix(SIZES, options)


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        plan_mix(SIZES, MixOptions(weights={"x": 1}, quotas={"y": 1}, temperature=-1))
    assert len(str(caught.value).splitlines()) == 3


@given(
    st.dictionaries(st.text("abc", min_size=1), st.integers(1, 10_000), min_size=1, max_size=6),
    st.integers(0, 20_000),
    st.floats(0.2, 10),
    st.integers(1, 3),
)
@settings(max_examples=50, deadline=None)
def test_a_plan_meets_its_total_and_no_limit_is_passed(sizes, total, temperature, repeat):
    plan = plan_mix(sizes, MixOptions(total=total, temperature=temperature, repeat=repeat))
    assert sum(plan.values()) == min(total, repeat * sum(sizes.values()))
    assert all(0 <= number <= repeat * sizes[source] for source, number in plan.items())


def test_parts_of_a_number_are_within_one_of_their_exact_values():
    assert apportion({"a": 1, "b": 1, "c": 1}, 2) == {"a": 1, "b": 1, "c": 0}
    assert apportion({}, 2) == {}
    assert apportion({"a": 0}, 2) == {"a": 0}


def test_drawing_repeats_all_before_any_one_more_often():
    chosen = draw_mix({"a": 3, "b": 5}, {"a": 7, "b": 2}, seed=1)
    counts = [list(chosen["a"]).count(number) for number in range(3)]
    assert sorted(counts) == [2, 2, 3]
    assert len(set(chosen["b"])) == 2
    assert chosen == draw_mix({"a": 3, "b": 5}, {"a": 7, "b": 2}, seed=1)


def test_the_order_depends_on_the_seed_alone():
    assert shuffled(range(50), 1) == shuffled(range(50), 1)
    assert list(shuffled(range(50), 1)) != list(shuffled(range(50), 2))
    assert sorted(shuffled(range(50), 1)) == list(range(50))


def test_a_low_temperature_takes_from_the_largest_first():
    sizes = {"a": 100_000, "b": 10}
    assert plan_mix(sizes, MixOptions(temperature=0.01)) == {"a": 100_000, "b": 0}
    # b's share is 1e-400, which is 0 as a float; what a cannot give is b's all the same
    assert plan_mix(sizes, MixOptions(temperature=0.01, total=100_005)) == {"a": 100_000, "b": 5}
