"""`python -m pytest_deploy`."""

import sys

from pytest_deploy.cli import main

sys.exit(main())
