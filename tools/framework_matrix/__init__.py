"""The matrix of frameworks: small real models, saved, deployed and asked, one row each."""
