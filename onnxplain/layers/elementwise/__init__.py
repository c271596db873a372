"""y_i = f(x_i): the functions, and their difference quotients without cancellation (`slopes`)."""
