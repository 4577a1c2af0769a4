"""The emulated azure-native provider."""
