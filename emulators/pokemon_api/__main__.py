"""Serve the Pokémon API's stand-in on this machine: `python -m emulators.pokemon_api --port 4280`."""

import argparse

import uvicorn

from emulators.pokemon_api.server import application


def main() -> None:
    """Listen on 127.0.0.1 until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m emulators.pokemon_api", description=__doc__)
    parser.add_argument("--port", type=int, default=4280, help="default: %(default)s")
    uvicorn.run(application(), host="127.0.0.1", port=parser.parse_args().port, log_level="warning")


if __name__ == "__main__":
    main()
