# A neuralnet object as an .rds file that onnxplain reads.
#
#   source("save_neuralnet.R")
#   save_neuralnet(nn, "net.rds")
#
# saveRDS(nn, "net.rds") alone does as well. This leaves out what no one needs to explain the net (a copy of the data, the
# generalized weights, the start weights) and keeps what the conversion is checked with: the covariates and the net's own
# results for them. With check = FALSE these stay at home, too: they are rows of your data.

save_neuralnet <- function(nn, file, check = TRUE) {
  stopifnot(inherits(nn, "nn"), !is.null(nn$weights))
  nn[c("data", "generalized.weights", "startweights")] <- NULL
  if (!check) {
    nn[c("covariate", "response", "net.result")] <- NULL
  }
  saveRDS(nn, file)
  invisible(nn)
}
