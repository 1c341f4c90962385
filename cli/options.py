"""The options that several commands share, and the choices and settings they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from longwrite.agent.budget import Budget
    from longwrite.agent.settings import Settings
    from longwrite.engines.choice import Choice
    from longwrite.rewards.judge import Judge
    from longwrite.types import Role

Model = Annotated[
    str | None, typer.Option(help="nano, ./FOLDER, vllm:NAME, scripted, or a NAME with --base-url.")
]
BaseUrl = Annotated[
    str | None,
    typer.Option(help="OpenAI-compatible server, such as http://127.0.0.1:8000/v1."),
]
PlanModel = Annotated[str | None, typer.Option(help="Another model for planning.")]
CheckModel = Annotated[str | None, typer.Option(help="Another model for notes and checks.")]
KeyFile = Annotated[
    Path | None,
    typer.Option("--api-key-file", help="File with the key, else from LONGWRITE_API_KEY."),
]
VllmPython = Annotated[
    str | None, typer.Option(help="Python of the environment that has vLLM, for vllm:NAME.")
]
Window = Annotated[int | None, typer.Option(min=1024, help="Tokens a request may have at most.")]
Temperature = Annotated[float, typer.Option(min=0.0, max=2.0, help="0 is greedy.")]
TopP = Annotated[float, typer.Option("--top-p", min=0.0, max=1.0, help="Nucleus mass.")]
Extra = Annotated[
    list[str] | None, typer.Option(metavar="KEY=JSON", help="Further field of each request.")
]
Concurrency = Annotated[int, typer.Option(min=1, max=1024, help="Calls in flight.")]
Seed = Annotated[int, typer.Option(help="Another seed, another document.")]

Words = Annotated[int | None, typer.Option(help="Length; else as the brief says, else 10,000.")]
Language = Annotated[str, typer.Option(help="Code, such as en or zh; else the brief's.")]
Audience = Annotated[str, typer.Option(help="For whom.")]
Style = Annotated[str, typer.Option(help="How it should read.")]
StyleSample = Annotated[Path | None, typer.Option(help="Text file whose manner is to be followed.")]
Mode = Annotated[str, typer.Option(help="thread, dag (chapters side by side) or auto.")]
Planner = Annotated[str, typer.Option(help="outline or agentwrite.")]

MaxTokens = Annotated[
    int | None, typer.Option(min=1, help="Stop, resumable, before more tokens are used.")
]
MaxCost = Annotated[
    float | None, typer.Option(min=0.0, help="Stop, resumable, before it costs more.")
]
Price = Annotated[
    str | None,
    typer.Option(metavar="IN,OUT[,CACHED]", help="Money for a million tokens; else the config's."),
]

JudgeModel = Annotated[
    str | None, typer.Option("--judge", metavar="MODEL", help="Model that judges the quality.")
]
JudgeUrl = Annotated[
    str | None, typer.Option("--judge-base-url", help="Its server; else LONGWRITE_BASE_URL.")
]
JudgeCache = Annotated[
    Path | None,
    typer.Option("--judge-cache", metavar="DIR", help="Folder that keeps what the judge says."),
]
JudgeTokens = Annotated[
    int, typer.Option("--judge-tokens", min=64, help="Tokens of an answer, its thoughts included.")
]
Deadline = Annotated[
    float, typer.Option(metavar="S", help="Seconds that the judge has for one answer.")
]

Rows = Annotated[int | None, typer.Option("--rows", min=1, help="Rows wanted; else all.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell calls, tokens and cost; call nothing.")
]

Runs = Annotated[Path, typer.Option("--runs", help="Folder of all runs.")]
Run = Annotated[Path | None, typer.Option("--run", help="Folder of this run.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Begin anew; the old folder is kept aside.")]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="Also write it here: .md or .html, a batch .jsonl."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite a file that is not ours.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def make_choices(
    model: str | None,
    base_url: str | None,
    plan_model: str | None,
    check_model: str | None,
    key_file: Path | None,
    vllm_python: str | None,
    window: int | None,
    concurrency: int,
) -> dict[Role, Choice]:
    """Return the engine for each role.

    Raises:
        UsageError: A server is named without a model.
    """
    from longwrite.cli.servers import remember_server
    from longwrite.engines.choice import Choice, choose_model, read_config

    name, address = choose_model(model, base_url)
    remember_server(address)
    config = read_config()
    key = str(key_file or config.get("api_key_file") or "")
    python = vllm_python or str(config.get("vllm_python") or "")

    def choose(named: str) -> Choice:
        return Choice(named, address, key, window, python, concurrency)

    choices: dict[Role, Choice] = {"write": choose(name)}
    if plan_model:
        choices["plan"] = choose(plan_model)
    if check_model:
        choices["check"] = choose(check_model)
    return choices


def make_judge(
    model: str,
    base_url: str | None,
    key_file: Path | None,
    cache: Path | None,
    deadline: float,
    tokens: int,
    concurrency: int,
) -> Judge:
    """Return the judge, whose engine is not yet opened.

    Raises:
        UsageError: The deadline is none.
    """
    from longwrite.rewards.judge import Judge
    from longwrite.types import Sampling

    choice = make_choices(model, base_url, None, None, key_file, None, None, concurrency)["write"]
    return Judge(choice, Sampling(tokens, 0.0, 1.0, 0), deadline, cache)


def make_settings(
    mode: str,
    planner: str,
    seed: int,
    temperature: float,
    top_p: float,
    extra: list[str] | None,
    window: int | None,
    concurrency: int,
) -> Settings:
    """Return the settings of a run.

    Raises:
        UsageError: A value that is none.
    """
    from longwrite.agent.settings import Settings
    from longwrite.errors import UsageError
    from longwrite.planners import load_planner

    if mode not in {"auto", "thread", "dag"}:
        raise UsageError(f"There is no mode '{mode}'", mend="Choose auto, thread or dag.")
    load_planner(planner)
    fields = dict(_read_extra(item) for item in extra or ())
    return Settings(mode, planner, seed, temperature, top_p, fields, window, concurrency)


def _read_extra(item: str) -> tuple[str, Any]:
    from longwrite.errors import UsageError
    from longwrite.strict_json import parse_json

    name, mark, value = item.partition("=")
    try:
        if not name or not mark:
            raise ValueError("there is no '='")
        if name in {"model", "messages", "stream"}:
            raise ValueError(f"'{name}' is longwrite's own")
        return name, parse_json(value.encode())
    except ValueError as error:
        raise UsageError(
            f"--extra {item} can't be read", str(error), "Write it as --extra top_k=40."
        ) from error


def make_budget(max_tokens: int | None, max_cost: float | None, price: str | None) -> Budget:
    """Return the budget.

    Raises:
        UsageError: The price can't be read, or --max-cost has none to count with.
    """
    from longwrite.agent.budget import Budget
    from longwrite.errors import UsageError

    prices = _read_prices(price)
    if max_cost is not None and prices is None:
        raise UsageError(
            "--max-cost can't be kept",
            "the price of a token is not known",
            "Give --price IN,OUT (money for a million tokens), or 'prices' in the config file.",
        )
    return Budget(max_tokens, max_cost, prices)


def _read_prices(price: str | None) -> Any:
    from longwrite.agent.budget import Prices
    from longwrite.engines.choice import read_config
    from longwrite.errors import UsageError

    try:
        if price is not None:
            numbers = [float(part) for part in price.split(",")]
            if len(numbers) not in {2, 3}:
                raise ValueError("it needs two or three numbers")
            return _check_prices(Prices(*numbers))
        known = read_config().get("prices")
        if isinstance(known, dict):
            return _check_prices(Prices(**{name: float(one) for name, one in known.items()}))
        return None
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            "The price can't be read", str(error), "Write it as --price 2.0,8.0 or 2.0,8.0,0.5."
        ) from error


def _check_prices(prices: Any) -> Any:
    for price in (prices.prompt, prices.completion, prices.cached or 0.0):
        if not 0 <= price < 1e6:
            raise ValueError(f"{price} is no price")
    return prices


def recall_choices(
    run: Path,
    model: str | None,
    base_url: str | None,
    key_file: Path | None,
    vllm_python: str | None,
    concurrency: int,
) -> dict[Role, Choice]:
    """Return the engines that a run was begun with; options given now go before.

    Raises:
        UsageError: The folder holds no run, or a key would be sent to a server that it alone names.
    """
    from longwrite.agent.record import read_models
    from longwrite.cli.servers import check_server, remember_server
    from longwrite.engines.choice import Choice

    models = read_models(run)
    address = base_url or models.get("base_url", "")
    if base_url:
        remember_server(base_url)
    else:
        check_server(address, run, key_file)

    def choose(named: str) -> Choice:
        return Choice(named, address, str(key_file or ""), None, vllm_python or "", concurrency)

    choices: dict[Role, Choice] = {"write": choose(model or models["write"])}
    if "plan" in models:
        choices["plan"] = choose(models["plan"])
    if "check" in models:
        choices["check"] = choose(models["check"])
    return choices
