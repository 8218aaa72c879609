"""Pictures and animations of agent graphs."""
