"""The Pulumi policy pack: what no plan may break.

It imports neither the program nor its components: a control that read the code it judges would follow its mistakes.
"""
