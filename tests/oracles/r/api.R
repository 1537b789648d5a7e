# Regenerates tests/oracles/data/apiclus1.csv and prints the figures that tests/oracles/test_raking.py holds against.
# Needs R with the package survey: Rscript tests/oracles/r/api.R
suppressMessages(library(survey))
data(api)
clus <- svydesign(id = ~dnum, weights = ~pw, data = apiclus1, fpc = ~fpc)
raking <- calibrate(clus, ~stype + api99, c(`(Intercept)` = 6194, stypeH = 755, stypeM = 1018, api99 = 3914069),
                    calfun = "raking")
print(svymean(~api00, raking), digits = 10)
print(svytotal(~enroll, raking), digits = 10)
print(range(weights(raking)), digits = 10)
raked <- rake(clus, list(~stype, ~sch.wide),
              list(data.frame(stype = c("E", "H", "M"), Freq = c(4421, 755, 1018)),
                   data.frame(sch.wide = c("No", "Yes"), Freq = c(1072, 5122))),
              control = list(epsilon = 1e-9, maxit = 100))  # by default rake stops at a miss of one school
print(svymean(~api00, raked), digits = 10)
print(svytotal(~enroll, raked), digits = 10)
columns <- c("dnum", "stype", "sch.wide", "pw", "fpc", "api00", "api99", "enroll")
write.csv(cbind(apiclus1[, columns], raked = weights(raking)), "apiclus1.csv", row.names = FALSE)
show <- function(design) {
  print(c(svymean(~api00, design)), digits = 12); print(SE(svymean(~api00, design)), digits = 12)
  print(SE(svytotal(~enroll, design)), digits = 12)
}
show(clus)
show(calibrate(clus, ~stype, c(`(Intercept)` = 6194, stypeH = 755, stypeM = 1018)))
show(calibrate(clus, ~stype + api99, c(`(Intercept)` = 6194, stypeH = 755, stypeM = 1018, api99 = 3914069)))
show(raking)
both <- calibrate(clus, ~stype + sch.wide, c(`(Intercept)` = 6194, stypeH = 755, stypeM = 1018, sch.wideYes = 5122),
                  calfun = "raking")
show(both)
print(svyby(~api00, ~stype, both, svymean), digits = 12)
