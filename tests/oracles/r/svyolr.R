# Writes tests/oracles/data/apiclus1_meals.csv and prints the fits that tests/oracles/test_survey_logit.py freezes.
# Needs R with the package survey: Rscript tests/oracles/r/svyolr.R
suppressMessages(library(survey))
data(api)
meals <- apiclus1[complete.cases(apiclus1[, c("avg.ed", "mobility")]), ]
meals$share <- cut(meals$meals, c(0, 25, 50, 75, 100))
meals <- meals[!is.na(meals$share), ]
# the districts unequal in weight, so that weights matter: those of survey are the same throughout
meals$weight <- round(meals$pw * (0.5 + (as.integer(factor(meals$dnum)) %% 4) / 2), 6)
show <- function(fit) {
  print(c(coef(fit)), digits = 12)
  print(sqrt(diag(vcov(fit))), digits = 12)
}
plain <- svydesign(id = ~dnum, weights = ~pw, data = meals)
show(svyolr(share ~ avg.ed + mobility + stype, plain, control = list(reltol = 1e-15, ndeps = rep(1e-5, 7), maxit = 1000)))
uneven <- svydesign(id = ~dnum, weights = ~weight, data = meals)
show(svyolr(share ~ avg.ed + mobility + stype, uneven, control = list(reltol = 1e-15, ndeps = rep(1e-5, 7), maxit = 1000)))
alone <- svydesign(id = ~1, weights = ~weight, data = meals)
show(svyolr(share ~ avg.ed + mobility + stype, alone, control = list(reltol = 1e-15, ndeps = rep(1e-5, 7), maxit = 1000)))
meals$level <- as.integer(meals$share) - 1
write.csv(meals[, c("dnum", "stype", "avg.ed", "mobility", "pw", "weight", "level")], "apiclus1_meals.csv", row.names = FALSE)
cat(nrow(meals), "\n")
