"""What a run leaves behind: manifest, journal and dashboards, and how they are read back."""
