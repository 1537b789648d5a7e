# Frozen numbers of tests/oracles/test_pooling.py: random-effects pooling by REML and best linear unbiased predictions.
# Needs the R package metafor: Rscript tests/oracles/r/pooling.R
library(metafor)
y <- c(0.12, 0.05, 0.31, -0.02, 0.18, 0.09); v <- c(0.0025, 0.0009, 0.0100, 0.0016, 0.0036, 0.0064)
one <- rma(y, v, method = "REML", control=list(threshold=1e-15, maxiter=1000)); cat(sprintf("%.15f", c(one$tau2, one$b, one$se, one$QE)), "\n"); print(as.data.frame(blup(one)), digits = 14)
V <- diag(v); V[1,2] <- V[2,1] <- 0.0006; V[4,5] <- V[5,4] <- -0.0008; V[3,6] <- V[6,3] <- 0.002
d <- data.frame(y = y, id = 1:6)
two <- rma.mv(y, V, random = ~ 1 | id, data = d, method = "REML")
cat(sprintf("%.10f", c(two$sigma2, two$b, two$se, two$QE)), "\n"); print(as.data.frame(ranef(two)), digits = 10)
