"""suites/predeploy"""
