# Small neuralnet objects and R's own predictions for them. In this folder, with R >= 4 and neuralnet 1.44.6:
#
#   Rscript make.R
#
# NAME.rds is the object; NAME.csv has its covariates, then R's predict() for them, by the best repetition.

library(neuralnet)
source("../../../converters/r/save_neuralnet.R")
set.seed(1)
scaled <- data.frame(scale(iris[, 1:4]), Species = iris$Species)
cars <- as.data.frame(scale(mtcars))
rows <- seq(1, 150, by = 10)
softplus <- function(x) log(1 + exp(x))

keep <- function(nn, name, x = nn$covariate, ...) {
  best <- which.min(nn$result.matrix["error", ])
  best <- which(!sapply(nn$weights, is.null))[best]
  write.csv(data.frame(x, prediction = predict(nn, x, rep = best)), paste0(name, ".csv"), row.names = FALSE)
  save_neuralnet(nn, paste0(name, ".rds"), ...)
}
fit <- function(formula, data, ...) neuralnet(formula, data, stepmax = 1e6, ...)

# two repetitions, the second better; output ends in the logistic function although the hidden layers are tanh
for (seed in 1:100) {
  set.seed(seed)
  nn <- fit(Species ~ ., scaled[rows, ], hidden = c(4, 3), act.fct = "tanh", linear.output = FALSE, rep = 2, threshold = 0.1)
  if (which.min(nn$result.matrix["error", ]) == 2) break
}
keep(nn, "tanh")
set.seed(2)
keep(fit(mpg ~ wt + hp, cars, hidden = 0, threshold = 0.1), "linear")
keep(fit(mpg ~ wt + hp, cars, hidden = 3, act.fct = "relu", threshold = 0.3), "relu")
keep(fit((Species == "setosa") ~ Petal.Length + Petal.Width, scaled[rows, ], hidden = 2, err.fct = "ce", linear.output = FALSE), "ce")
# weights that are held: one at 0 (kept as NA), one at 1.5
keep(fit(mpg ~ wt + hp, cars, hidden = 2, exclude = matrix(c(1, 2, 1, 1, 3, 2), 2, byrow = TRUE), constant.weights = c(0, 1.5),
         threshold = 0.1), "exclude")
keep(fit(mpg ~ wt + hp, cars, hidden = 2, act.fct = softplus, threshold = 0.3), "softplus")
# as functions are kept when R is used by hand: with their source
options(keep.source = TRUE)
swish <- eval(parse(text = "function(x) x / (1 + exp(-x))"))
keep(fit(mpg ~ wt + hp, cars, hidden = 2, act.fct = swish, threshold = 0.3), "swish")
options(keep.source = FALSE)
# the first repetitions do not converge: their weights are NULL and result.matrix has no column for them
for (seed in 1:300) {
  set.seed(seed)
  nn <- suppressWarnings(neuralnet(mpg ~ wt + hp, cars, hidden = 2, threshold = 0.05, rep = 4, stepmax = 250))
  n <- sapply(nn$weights, is.null)
  if (length(n) == 4 && n[1] && sum(!n) >= 2 && which.min(nn$result.matrix["error", ]) == 2) break
}
keep(nn, "failed")
# as before version 1.44.4, which had no activation of the output's own
nn <- readRDS("tanh.rds")
nn[c("output.act.fct", "net.result")] <- NULL
keep(nn, "old")
# both activations are the user's
keep(fit(mpg ~ wt + hp, cars, hidden = 2, act.fct = softplus, output.act.fct = function(x) tanh(x), linear.output = FALSE,
         threshold = 0.5), "own")
# no rows of the data in the file
keep(fit(mpg ~ wt, cars, hidden = 2, threshold = 0.1), "bare", check = FALSE)
# none converged
nn <- suppressWarnings(neuralnet(mpg ~ wt, cars, hidden = 2, threshold = 1e-9, stepmax = 20))
nn[c("data", "covariate", "response")] <- NULL
saveRDS(nn, "unfitted.rds")

# other objects
saveRDS(lm(mpg ~ wt, cars[1:5, ], model = FALSE), "lm.rds", compress = "xz")
saveRDS(structure(function(x) x, class = c("net", "nn_module")), "module.rds", compress = FALSE)
saveRDS(1:3, "numbers.rds", compress = "bzip2")
save(cars, file = "saved.rds")
