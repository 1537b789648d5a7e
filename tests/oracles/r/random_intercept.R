# Prints the random-intercept fits that tests/oracles/test_shrinkage.py freezes. Needs lme4: Rscript random_intercept.R
suppressMessages(library(lme4))
show <- function(title, fit) {
  cat(title, "\n")
  v <- as.data.frame(VarCorr(fit))
  cat(" mean", format(fixef(fit), digits = 12), "se", format(sqrt(diag(as.matrix(vcov(fit)))), digits = 12), "\n")
  cat(" sd between", format(v$sdcor[1], digits = 12), "within", format(v$sdcor[2], digits = 12),
      "logLik", format(c(logLik(fit)), digits = 12), "\n")
  r <- ranef(fit, condVar = TRUE)[[1]]
  cat(" effects", format(r[[1]], digits = 10), "\n")
  cat(" conditional sd", format(sqrt(c(attr(r, "postVar"))), digits = 10), "\n")
}
tight <- lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-12))
show("Dyestuff", lmer(Yield ~ 1 + (1 | Batch), Dyestuff, control = tight))
show("Dyestuff2", lmer(Yield ~ 1 + (1 | Batch), Dyestuff2))
show("sleepstudy", lmer(Reaction ~ 1 + (1 | Subject), sleepstudy, control = tight))
# unbalanced: the first subject loses no day, the second one, the third two, ... (modulo 9)
lost <- (as.integer(sleepstudy$Subject) - 1) %% 9
uneven <- sleepstudy[sleepstudy$Days >= lost, ]
cat("rows", nrow(uneven), "\n")
show("sleepstudy, unbalanced", lmer(Reaction ~ 1 + (1 | Subject), uneven, control = tight))
by_subject <- aggregate(Reaction ~ Subject, sleepstudy, function(x) c(length(x), mean(x), sum((x - mean(x))^2)))
cat("n, mean, squares by subject\n"); print(cbind(as.character(by_subject$Subject), format(by_subject$Reaction, digits = 12)), quote = FALSE)
by_subject <- aggregate(Reaction ~ Subject, uneven, function(x) c(length(x), mean(x), sum((x - mean(x))^2)))
cat("the same, unbalanced\n"); print(cbind(as.character(by_subject$Subject), format(by_subject$Reaction, digits = 12)), quote = FALSE)
by_batch <- aggregate(Yield ~ Batch, Dyestuff, function(x) c(length(x), mean(x), sum((x - mean(x))^2)))
cat("Dyestuff\n"); print(cbind(as.character(by_batch$Batch), format(by_batch$Yield, digits = 12)), quote = FALSE)
by_batch <- aggregate(Yield ~ Batch, Dyestuff2, function(x) c(length(x), mean(x), sum((x - mean(x))^2)))
cat("Dyestuff2\n"); print(cbind(as.character(by_batch$Batch), format(by_batch$Yield, digits = 12)), quote = FALSE)
