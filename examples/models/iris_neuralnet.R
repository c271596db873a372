# The net of examples/r_neuralnet.py. In this folder, with the R package neuralnet: Rscript iris_neuralnet.R

library(neuralnet)
source("../../converters/r/save_neuralnet.R")
set.seed(42)
flowers <- data.frame(scale(iris[, 1:4]), Species = iris$Species)
nn <- neuralnet(Species ~ ., flowers, hidden = c(6, 4), act.fct = "tanh", linear.output = FALSE, rep = 3, threshold = 0.1, stepmax = 1e6)
print(nn$result.matrix[1:3, ])
save_neuralnet(nn, "iris_neuralnet.rds")
