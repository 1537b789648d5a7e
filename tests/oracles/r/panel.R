# Frozen numbers of tests/oracles/test_panel.py. Needs the R package clubSandwich: Rscript tests/oracles/r/panel.R
# The minimum legal drinking age and deaths of the young, 1970-1983: Angrist & Pischke (2015), "Mastering 'Metrics",
# table 5.2, gives 7.59 (2.50) for traffic deaths; the data are clubSandwich::MortalityRates, written to tests/oracles/data/mortality.csv.
suppressMessages(library(clubSandwich))
data("MortalityRates")
own <- subset(MortalityRates, cause == "Motor Vehicle" & year <= 1983)
own <- own[!is.na(own$legal), ]
write.csv(own[, c("state", "year", "mrate", "legal", "pop")], "mortality.csv", row.names = FALSE)
for (w in c(FALSE, TRUE)) {
  fit <- if (w) lm(mrate ~ 0 + legal + factor(state) + factor(year), own, weights = pop) else
    lm(mrate ~ 0 + legal + factor(state) + factor(year), own)
  print(coef_test(fit, vcov = "CR2", cluster = own$state, test = "Satterthwaite")[1, ], digits = 10)
  cat(sprintf("%.12f", coef(fit)[1]), sprintf("%.12f", sqrt(vcovCR(fit, own$state, "CR2")[1, 1])),
      sprintf("%.12f", coef_test(fit, vcov = "CR2", cluster = own$state)$df[1]), "\n")
}
# few units, rows of their own behind each cell: an independent, row-level computation
n <- 12
rows <- do.call(rbind, lapply(1:n, function(u) do.call(rbind, lapply(1:6, function(p) {
  m <- 1 + (3 * u + 5 * p) %% 7
  i <- seq_len(m)
  data.frame(unit = u, period = p, on = as.numeric(u <= 4 & p > 3), y = sin(u) + cos(2 * p) + 0.3 * sin(7 * u * p + i^2))
}))))
fit <- lm(y ~ 0 + on + factor(unit) + factor(period), rows)
found <- coef_test(fit, vcov = "CR2", cluster = rows$unit, test = "Satterthwaite")
cat(nrow(rows), sprintf("%.12f", c(found$beta[1], found$SE[1], found$df[1], found$p_Satt[1])), "\n")
