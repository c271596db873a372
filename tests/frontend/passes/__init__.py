"""Graph rewrites: each leaves every output as it was."""
