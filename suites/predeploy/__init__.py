"""The rehearsal: everything that deploys, on a target that is thrown away."""
