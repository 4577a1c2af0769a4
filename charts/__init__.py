"""The Helm charts, and what renders and judges them: `python -m charts`.

`reach` and `strategy` are for the tests of whatever runs beside the chart too.
"""
