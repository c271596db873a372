# A Keras model made in R as a file that Python's Keras reads: keras.saving.load_model("net.keras").
#
#   source("save_keras.R")
#   save_keras(model, "net.keras")     with the package keras3
#   save_keras(model, "net.h5")        with the older package keras
#
# A Keras model in R is a Python object: saveRDS keeps only a pointer to it.

save_keras <- function(model, file) {
  stopifnot(inherits(model, "python.builtin.object"))
  if (grepl("\\.keras$", file)) {
    keras3::save_model(model, file, overwrite = TRUE)
  } else if (grepl("\\.h5$", file)) {
    keras::save_model_hdf5(model, file, overwrite = TRUE, include_optimizer = FALSE)
  } else {
    stop("name the file .keras (package keras3) or .h5 (package keras): ", file)
  }
  invisible(model)
}
