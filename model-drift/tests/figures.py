"""The figures in methods.rs: python3 figures.py, with numpy 1.26.4, scipy 1.13.1 and mpmath 1.3.0."""
import mpmath
import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

r = np.array([1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 9, 9, 10, 11, 12, 12, 13, 14, 15, 16, 17, 18, 19, 20.5])
c = np.array([2, 4, 5, 7, 8, 9, 10, 12, 12, 13, 15, 16, 17, 18, 19, 20, 20, 21, 22, 23, 24, 25.5])
p, q = np.array([.1, .2, .3, .4]), np.array([.25, .25, .2, .3])
print("ks", repr(stats.ks_2samp(r, c).statistic), repr(stats.ks_2samp(r, c).pvalue))
print("ks n=m", repr(stats.ks_2samp(r[:22], c).pvalue))
print("wasserstein", repr(stats.wasserstein_distance(r, c)))
print("js", repr(jensenshannon(p, q)))
print("kl", repr(stats.entropy(p, q)))
print("psi", repr(((p - q) * np.log(p / q)).sum()))
print("hellinger", repr(np.sqrt(1 - np.sqrt(p * q).sum())))
print("gof", stats.chisquare([30, 50, 20], np.array([25, 50, 25])))
print("homogeneity", stats.chi2_contingency([[300, 500, 200], [160, 250, 90]], correction=False)[:3])
print("anderson", stats.anderson_ksamp([r, c]))
print("cvm", stats.cramervonmises_2samp(r, c), stats.cramervonmises_2samp(r[:9], c[:7]))
print("fisher", repr(stats.fisher_exact([[8, 12], [15, 5]])[1]))
pool = 30 / 80
z = (12 / 40 - 18 / 40) / np.sqrt(pool * (1 - pool) * (1 / 40 + 1 / 40))
print("z", repr(2 * stats.norm.sf(abs(z))))
for d, n in [(0.01, 20), (.07, 20), (.2, 20), (.27, 100), (.05, 500), (.02, 3000), (.6, 10), (.03, 200000), (.004, 50000)]:
    print("kstwo", d, n, repr(stats.kstwo.sf(d, n)))
print("bh", stats.false_discovery_control([.001, .2, .03, .04, .9]))
print("mw", stats.mannwhitneyu(c, r, alternative="greater", method="asymptotic", use_continuity=False))
r, c = np.repeat([0, 1, 2], [20000, 30000, 20000]), np.repeat([0, 1, 2], [14000, 21500, 14500])
print("anderson, many rows", repr(stats.anderson_ksamp([r, c]).statistic))
mpmath.mp.dps = 40


def smirnov(x):
    """The limit of the Cramér-von Mises statistic above x; nothing cancels where that is rare."""
    def f(u):
        return 2 / u * mpmath.sqrt(abs(u / mpmath.sin(u))) * mpmath.exp(-x * u * u / 2)
    ends = [(2 * j + 1) * mpmath.pi for j in range(8)]
    return sum((-1) ** j * mpmath.quad(f, mpmath.linspace(a, a + mpmath.pi, 17)) for j, a in enumerate(ends)) / mpmath.pi


for x in [.5, 1, 2, 4, 6, 8, 100, 150.5]:
    print("cvm limit", x, mpmath.nstr(smirnov(mpmath.mpf(x)), 17))
