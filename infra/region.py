"""Azure's public regions: which have availability zones, and which one Azure pairs them with.

From Microsoft's list of Azure regions. A new region is a new line here, and nothing else.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """What the settings ask of a region."""

    zones: bool
    pair: str | None
    """Where geo-redundant data is copied to; nothing is copied where there is none."""


REGIONS = {
    "australiacentral": Region(zones=False, pair="australiacentral2"),
    "australiaeast": Region(zones=True, pair="australiasoutheast"),
    "australiasoutheast": Region(zones=False, pair="australiaeast"),
    "austriaeast": Region(zones=True, pair=None),
    "belgiumcentral": Region(zones=True, pair=None),
    "brazilsouth": Region(zones=True, pair="southcentralus"),
    "canadacentral": Region(zones=True, pair="canadaeast"),
    "canadaeast": Region(zones=False, pair="canadacentral"),
    "centralindia": Region(zones=True, pair="southindia"),
    "centralus": Region(zones=True, pair="eastus2"),
    "chilecentral": Region(zones=True, pair=None),
    "eastasia": Region(zones=True, pair="southeastasia"),
    "eastus": Region(zones=True, pair="westus"),
    "eastus2": Region(zones=True, pair="centralus"),
    "francecentral": Region(zones=True, pair="francesouth"),
    "germanywestcentral": Region(zones=True, pair="germanynorth"),
    "indonesiacentral": Region(zones=True, pair=None),
    "israelcentral": Region(zones=True, pair=None),
    "italynorth": Region(zones=True, pair=None),
    "japaneast": Region(zones=True, pair="japanwest"),
    "japanwest": Region(zones=True, pair="japaneast"),
    "koreacentral": Region(zones=True, pair="koreasouth"),
    "koreasouth": Region(zones=False, pair="koreacentral"),
    "malaysiawest": Region(zones=True, pair=None),
    "mexicocentral": Region(zones=True, pair=None),
    "newzealandnorth": Region(zones=True, pair=None),
    "northcentralus": Region(zones=False, pair="southcentralus"),
    "northeurope": Region(zones=True, pair="westeurope"),
    "norwayeast": Region(zones=True, pair="norwaywest"),
    "polandcentral": Region(zones=True, pair=None),
    "qatarcentral": Region(zones=True, pair=None),
    "southafricanorth": Region(zones=True, pair="southafricawest"),
    "southcentralus": Region(zones=True, pair="northcentralus"),
    "southeastasia": Region(zones=True, pair="eastasia"),
    "southindia": Region(zones=False, pair="centralindia"),
    "spaincentral": Region(zones=True, pair=None),
    "swedencentral": Region(zones=True, pair="swedensouth"),
    "switzerlandnorth": Region(zones=True, pair="switzerlandwest"),
    "uaenorth": Region(zones=True, pair="uaecentral"),
    "uksouth": Region(zones=True, pair="ukwest"),
    "ukwest": Region(zones=False, pair="uksouth"),
    "westcentralus": Region(zones=False, pair="westus2"),
    "westeurope": Region(zones=True, pair="northeurope"),
    "westindia": Region(zones=False, pair="southindia"),
    "westus": Region(zones=False, pair="eastus"),
    "westus2": Region(zones=True, pair="westcentralus"),
    "westus3": Region(zones=True, pair="eastus"),
}
