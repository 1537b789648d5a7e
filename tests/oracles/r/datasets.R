# Regenerates tests/oracles/data/swiss.csv and longley.csv and prints the fit that NIST certifies for the latter.
# Needs R only: Rscript tests/oracles/r/datasets.R
with_source <- function(frame, file, ...) {
  writeLines(paste("#", c(...)), file)
  suppressWarnings(write.table(frame, file, append = TRUE, sep = ",", row.names = FALSE, quote = FALSE))
}
with_source(swiss, "swiss.csv", "Fertility in 47 French-speaking Swiss provinces, 1888: Mosteller & Tukey (1977)",
            "datasets::swiss of R, written by tests/oracles/r/datasets.R")
nist <- with(longley, data.frame(employed = round(Employed * 1000), deflator = GNP.deflator, gnp = round(GNP * 1000),
                                 unemployed = round(Unemployed * 10), armed_forces = round(Armed.Forces * 10),
                                 population = round(Population * 1000), year = Year))
with_source(nist, "longley.csv", "Longley (1967), JASA 62, 819-841, in the units of NIST StRD",
            "datasets::longley of R, written by tests/oracles/r/datasets.R")
print(summary(lm(employed ~ ., nist)), digits = 12)
