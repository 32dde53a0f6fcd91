"""Rows a second that the generator makes on one core at 256 points, over the time JSON takes to write the same rows.

Prints both figures and their ratio: a busy machine hits both alike.
"""

import time

import orjson

from tsft.data.synth.recipe import SynthRecipe
from tsft.data.synth.rows import synth_rows

ROWS = 4_000
RECIPES = {
    "all tasks, 1 to 3 series": SynthRecipe(count=ROWS, lengths=(256, 256)),
    "all tasks, 1 series where one will do": SynthRecipe(count=ROWS, lengths=(256, 256), series=(1, 1)),
}


def main() -> None:
    list(synth_rows(RECIPES["all tasks, 1 to 3 series"], stop=200))
    for name, recipe in RECIPES.items():
        begun = time.process_time()
        rows = list(synth_rows(recipe))
        made = time.process_time() - begun
        begun = time.process_time()
        for row in rows:
            orjson.dumps(row)
        written = time.process_time() - begun
        told = f"{ROWS / made:,.0f} rows a second of CPU; writing them as JSON {ROWS / written:,.0f}"
        print(f"{name}: {told}: ratio {made / written:.0f}")


if __name__ == "__main__":
    main()
