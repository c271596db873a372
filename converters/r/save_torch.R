# An R torch module as a ScriptModule file that Python's torch reads: torch.jit.load("net.pt").
#
#   source("save_torch.R")
#   save_torch(module, torch::torch_randn(2, 4), "net.pt")
#
# example: a tensor, or a list of tensors, in the shapes that the module takes, with two samples or more. saveRDS and
# torch_save write files that only R reads. A module is traced as it predicts: dropout off, stored statistics of batches.

save_torch <- function(module, example, file) {
  stopifnot(inherits(module, "nn_module"))
  inputs <- if (is.list(example)) example else list(example)
  module$eval()
  options <- list()
  if ("respect_mode" %in% names(formals(torch::jit_trace))) {
    # one method named forward: traced for training as well, the file would have none of that name
    options$respect_mode <- FALSE
  }
  torch::with_no_grad({
    traced <- do.call(torch::jit_trace, c(list(module), inputs, options))
    before <- do.call(module, inputs)
    after <- do.call(traced, inputs)
  })
  if (inherits(before, "torch_tensor")) {
    stopifnot(torch::torch_allclose(before, after))
  }
  torch::jit_save(traced, file)
  invisible(traced)
}
