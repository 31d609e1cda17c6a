"""How well marks agree with people: the data sets, the fit, the figures."""
