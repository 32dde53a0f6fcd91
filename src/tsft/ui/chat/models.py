"""Which models the Chat tab offers, what their names are to a person, and the settings that stand for one."""

from collections.abc import Sequence

from tsft.config.catalog import BASE_MODELS, BUILTIN
from tsft.config.run_config import ModelSettings, RunConfig
from tsft.i18n import translate
from tsft.run.ports import EnginePort
from tsft.ui.context import PageContext, ResultChoice
from tsft.ui.result_words import result_words

HUB = "huggingface"


def model_choices(context: PageContext, language: str) -> list[tuple[str, str]]:
    """What runs left, newest first, then the base models that are in the workspace: (words, value)."""
    results = [(result_words(each, language), each.name) for each in context.results()]
    return results + [(base_words(each, language), each) for each in bases_here(context)]


def bases_here(context: PageContext) -> list[str]:
    return [each.name for each in BASE_MODELS if each.name == BUILTIN or context.is_here(each.name, HUB)]


def config_of(context: PageContext, model: str) -> RunConfig:
    """A result by its name; any other name is a base model or a folder."""
    if any(each.name == model for each in context.results()):
        return RunConfig(model=ModelSettings(continue_from=model))
    return RunConfig(model=ModelSettings(name=model))


def base_of(engine: EnginePort, config: RunConfig) -> RunConfig | None:
    """The base that stands beside a result; None for a base itself."""
    return engine.base_of(config) if config.model.continue_from else None


def name_of(config: RunConfig) -> str:
    return config.model.continue_from or config.model.name


def model_words(model: str, results: Sequence[ResultChoice], language: str) -> str:
    """The name as a person reads it."""
    found = next((each for each in results if each.name == model), None)
    return base_words(model, language) if found is None else result_words(found, language)


def base_words(model: str, language: str) -> str:
    return translate(language, "page.chat.base_model", name=model)
