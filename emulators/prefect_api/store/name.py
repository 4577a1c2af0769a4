"""Names for runs that were given none: two words that are easy to say."""

from __future__ import annotations

import secrets

QUALITIES = """
amber brave bright brisk calm candid clever cobalt crimson curious dapper deft eager early fair famous fresh
gentle glad golden grand happy hardy honest humble jolly keen kind lively loyal lucky lunar mellow merry mighty
neat nimble noble olive patient plucky polite proud quick quiet rapid ready robust royal rustic serene sharp
shiny silver smart snug solar solid spry steady stellar sturdy subtle sunny swift tidy topaz tranquil trusty
upbeat valiant velvet vivid warm wise witty zesty
""".split()  # noqa: SIM905 - as a list it is one line a word
ANIMALS = """
albatross alpaca badger bat bear beaver bison bobcat buffalo camel caribou cat cheetah cobra condor coyote crane
crow deer dingo dolphin dove eagle egret elk falcon ferret finch fox gazelle gecko gibbon goose gopher hare hawk
heron hippo ibex ibis iguana jackal jaguar kestrel kiwi koala lark lemur leopard lion llama lynx macaw magpie
marmot marten mink mole moose newt ocelot octopus orca oriole osprey otter owl panda panther parrot pelican
penguin pheasant pigeon puffin puma quail rabbit raccoon raven robin salmon seal serval shark sparrow squid
stork swan tapir tiger toad toucan trout turtle viper walrus weasel whale wolf wombat yak zebra
""".split()  # noqa: SIM905 - as a list it is one line a word


def run_name() -> str:
    """Return a quality and an animal, as in `brave-otter`."""
    return f"{secrets.choice(QUALITIES)}-{secrets.choice(ANIMALS)}"
