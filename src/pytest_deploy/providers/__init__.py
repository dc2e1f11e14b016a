"""The services that a deployment talks to: each in its package, behind one set of attributes."""
