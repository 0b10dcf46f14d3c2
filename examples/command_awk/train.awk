# Fit y = a x + b by gradient descent and print the error of every tenth epoch, then the result, as JSON lines.
#
#   awk -v lr=0.1 -v momentum=0.9 -v epochs=50 -f train.awk data.txt

{ x[NR] = $1; y[NR] = $2 }

END {
    for (epoch = 1; epoch <= epochs; epoch++) {
        loss = ga = gb = 0
        for (i = 1; i <= NR; i++) {
            r = a * x[i] + b - y[i]
            loss += r * r / NR
            ga += 2 * r * x[i] / NR
            gb += 2 * r / NR
        }
        va = momentum * va - lr * ga; a += va
        vb = momentum * vb - lr * gb; b += vb
        if (loss > 1e6) { print "diverged at epoch " epoch > "/dev/stderr"; exit 3 }
        if (epoch % 10 == 0) printf "{\"step\": %d, \"loss\": %.6f}\n", epoch, loss
    }
    printf "{\"loss\": %.6f, \"slope\": %.4f, \"intercept\": %.4f}\n", loss, a, b
}
