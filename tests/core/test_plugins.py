"""The registry: isolation, suggestions, duplicates, versions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlem import hookimpl
from mlem.testing.fake import FakeDeployment, FakeEnv
from mlem_model.errors import PluginError
from mlem_model.plugins.kinds import BASE, OWN
from mlem_model.plugins.registry import KINDS, Plugin, Registry, installed_plugins


def plugin(name: str, load: Any, distribution: str = "mlem-provider-x 1.0") -> Plugin:
    return Plugin(name, distribution, load)


class Fake:
    @hookimpl
    def mlem_envs(self) -> list[type[FakeEnv]]:
        return [FakeEnv]

    @hookimpl
    def mlem_deployments(self) -> list[type[FakeDeployment]]:
        return [FakeDeployment]


def broken() -> Any:
    raise ImportError("libfoo.so: cannot open shared object file")


def test_a_type_is_found_by_kind_and_word_with_either_dash() -> None:
    registry = Registry([plugin("fake", Fake)])
    assert registry.get("env", "fake") is FakeEnv
    assert registry.get("deployment", "fake-deployment") is FakeDeployment


def test_a_broken_plugin_leaves_the_others_alone_and_is_named_when_it_is_needed() -> None:
    registry = Registry([plugin("docker", broken, "mlem-provider-docker 2.1"), plugin("fake", Fake)])
    assert registry.all("env") == {"fake": FakeEnv}
    with pytest.raises(PluginError) as caught:
        registry.get("deployment", "docker_container")
    assert (caught.value.code, caught.value.exit_code) == ("broken-plugin", 3)
    assert "libfoo.so" in caught.value.message
    assert caught.value.hint == "pip install --upgrade --force-reinstall mlem-provider-docker"
    assert [(one.name, one.problem) for one in registry.plugins()] == [
        ("docker", "ImportError: libfoo.so: cannot open shared object file"),
        ("fake", ""),
    ]


def test_a_plugin_is_not_imported_for_a_type_that_another_has() -> None:
    loaded: list[str] = []

    def other() -> Any:
        loaded.append("other")
        return Fake()

    registry = Registry([plugin("aaa", other), plugin("fake", Fake)])
    assert registry.get("env", "fake") is FakeEnv
    assert loaded == []


def test_a_published_type_that_is_missing_names_its_distribution() -> None:
    with pytest.raises(PluginError) as caught:
        Registry([plugin("fake", Fake)]).get("env", "heroku")
    assert (caught.value.hint, caught.value.known) == ("pip install mlem-provider-heroku", ("fake",))


def test_an_unknown_type_suggests_the_nearest_published_one() -> None:
    with pytest.raises(PluginError) as caught:
        Registry([plugin("fake", Fake)]).get("env", "herokuu")
    assert (caught.value.code, caught.value.hint) == ("unknown-type", 'did you mean "heroku"?')


class OtherEnv(FakeEnv):
    """Another class with the same word."""


class Other:
    @hookimpl
    def mlem_envs(self) -> list[type[FakeEnv]]:
        return [OtherEnv]


def test_two_plugins_with_the_same_type_are_refused_where_it_is_meant_and_told() -> None:
    registry = Registry([plugin("a", Fake, "one 1"), plugin("b", Other, "two 2")])
    with pytest.raises(PluginError, match="one 1 and two 2") as caught:
        registry.get("env", "fake")
    assert (caught.value.code, caught.value.known) == ("duplicate-type", ("one:fake", "two:fake"))
    assert (registry.all("env"), registry.words("env")) == ({}, ["one:fake", "two:fake"])
    assert [str(clash) for clash in registry.clashes()] == [
        'env type "fake" is provided by one 1 and two 2: say which one you mean, one:fake or two:fake'
    ]
    assert [registry.get("env", "one:fake"), registry.get("env", "fake", "two 1.9")] == [FakeEnv, OtherEnv]


def test_the_plugin_that_is_named_for_a_word_has_it() -> None:
    registry = Registry([plugin("a", Other, "one 1"), plugin("fake", Fake, "two 2")])
    assert registry.get("env", "fake") is FakeEnv
    assert registry.all("env") == {"fake": FakeEnv}
    assert [str(clash) for clash in registry.clashes()] == [
        'env type "fake" of one 1: the word means two 2\'s, theirs is one:fake'
    ]


def test_one_class_under_two_entry_points_is_one_class() -> None:
    registry = Registry([plugin("a", Fake), plugin("b", Fake)])
    assert (registry.get("env", "fake"), registry.words("env"), registry.clashes()) == (FakeEnv, ["fake"], [])


def test_a_word_is_looked_for_where_it_was_made() -> None:
    registry = Registry([plugin("fake", Fake, "one 1")])
    with pytest.raises(PluginError) as caught:
        registry.get("env", "fake", "mlem-provider-gone 2.0")
    assert (caught.value.code, caught.value.hint) == ("not-installed", "pip install mlem-provider-gone")
    assert "written by mlem-provider-gone 2.0" in caught.value.message


@pytest.mark.parametrize("made_by", ["", "  ", "$(reboot) 1", "a;b"])
def test_what_is_no_distribution_is_no_maker(made_by: str) -> None:
    assert Registry([plugin("fake", Fake, "one 1")]).get("env", "fake", made_by) is FakeEnv


def test_a_plugin_that_uses_the_registry_while_it_is_imported_gets_the_others() -> None:
    registries: list[Registry] = []

    def nosy() -> Any:
        assert registries[0].all("env") == {"fake": FakeEnv}
        return SimpleNamespace()

    registries.append(Registry([plugin("aaa", nosy), plugin("fake", Fake)]))
    assert registries[0].all("env") == {"fake": FakeEnv}
    assert [one.problem for one in registries[0].plugins()] == ["", ""]


def test_every_type_of_ours_is_reserved_for_its_distribution() -> None:
    ours = [one for one in installed_plugins() if one.ours and one.distribution_name not in BASE]
    registry = Registry(ours)
    found = {
        (kind, cls.type): one.distribution_name for one in registry.plugins() for kind in KINDS for cls in one.ask(kind)
    }
    assert found == {
        (kind, word): owner for kind in KINDS for word, owner in OWN[kind].items() if owner in set(found.values())
    }
    assert registry.clashes() == []


def test_a_misspelt_hook_is_a_problem_of_its_plugin() -> None:
    class Misspelt:
        @hookimpl
        def mlem_envz(self) -> list[Any]:
            return []

    (one,) = Registry([plugin("x", Misspelt)]).plugins()
    assert "mlem_envz" in one.problem


def test_a_plugin_for_another_version_of_the_interface_is_a_problem() -> None:
    (one,) = Registry([plugin("x", lambda: SimpleNamespace(api_version=99))]).plugins()
    assert "version 99 of the plugin interface" in one.problem


def test_the_core_registers_through_the_same_hooks() -> None:
    registry = Registry([one for one in installed_plugins() if one.distribution_name in BASE])
    assert [registry.get("state_manager", "local").type, registry.get("client", "http").type] == ["local", "http"]
    generic = ["sklearn", "sklearn_skops", "sklearn_onnx", "object", "callable"]
    assert list(registry.all("model_type"))[-len(generic) :] == generic
    assert {"torch", "keras", "tensorflow", "onnx", "xgboost", "catboost"} <= set(registry.all("model_type"))
    assert {"ndarray", "dataframe", "torch_tensor", "tf_tensor", "primitive"} <= set(registry.all("data_type"))
