"""Composed retrieval: a picture and words that change it (Vo et al. 2019 and its kin), trained."""
