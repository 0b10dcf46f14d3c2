"""Where what entries say comes from."""

from __future__ import annotations

from typing import Final

SOURCES: Final[dict[str, str]] = {
    "bergstra2012": "Bergstra & Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13, 2012",
    "vanrijn2018": "van Rijn & Hutter, Hyperparameter Importance Across Datasets, KDD 2018, arXiv 1710.04725",
    "probst2019": "Probst, Boulesteix & Bischl, Tunability: Importance of Hyperparameters of Machine Learning "
    "Algorithms, JMLR 20, 2019, arXiv 1802.09596",
    "probst2019rf": "Probst, Wright & Boulesteix, Hyperparameters and Tuning Strategies for Random Forest, WIREs 2019, "
    "arXiv 1804.03515",
    "sipper2022": "Sipper, High Per Parameter: A Large-Scale Study of Hyperparameter Tuning, Algorithms 15, 2022, "
    "arXiv "
    "2207.06028",
    "bartz2021": "Bartz, Zaefferer, Mersmann & Bartz-Beielstein, Experimental Investigation and Evaluation of "
    "Model-based Hyperparameter Optimization, 2021, arXiv 2107.08761",
    "friedman2001": "Friedman, Greedy Function Approximation: A Gradient Boosting Machine, Annals of Statistics 29, "
    "2001",
    "friedman2002": "Friedman, Stochastic Gradient Boosting, Computational Statistics & Data Analysis 38, 2002",
    "breiman2001": "Breiman, Random Forests, Machine Learning 45, 2001",
    "geurts2006": "Geurts, Ernst & Wehenkel, Extremely Randomized Trees, Machine Learning 63, 2006",
    "hsu2003": "Hsu, Chang & Lin, A Practical Guide to Support Vector Classification, 2003",
    "zou2005": "Zou & Hastie, Regularization and Variable Selection via the Elastic Net, JRSS B 67, 2005",
    "bottou2012": "Bottou, Stochastic Gradient Descent Tricks, 2012",
    "rennie2003": "Rennie, Shih, Teevan & Karger, Tackling the Poor Assumptions of Naive Bayes Text Classifiers, ICML "
    "2003",
    "friedman1989": "Friedman, Regularized Discriminant Analysis, JASA 84, 1989",
    "salton1988": "Salton & Buckley, Term-Weighting Approaches in Automatic Text Retrieval, IPM 24, 1988",
    "weinberger2009": "Weinberger et al., Feature Hashing for Large Scale Multitask Learning, ICML 2009",
    "chen2016": "Chen & Guestrin, XGBoost: A Scalable Tree Boosting System, KDD 2016",
    "ke2017": "Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree, NeurIPS 2017",
    "prokhorenkova2018": "Prokhorenkova et al., CatBoost: Unbiased Boosting with Categorical Features, NeurIPS 2018",
    "sklearn": "scikit-learn's documentation of the class",
    "sklearn-guide": "scikit-learn's user guide",
    "xgboost-parameters": "XGBoost's documentation, XGBoost Parameters, and Notes on Parameter Tuning",
    "lightgbm-tuning": "LightGBM's documentation, Parameters, and Parameters Tuning",
    "catboost-tuning": "CatBoost's documentation, Training parameters, and Parameter tuning",
    "flaml": "The ranges of FLAML (Wang et al., MLSys 2021, arXiv 1911.04706), as published with the library",
    "playbook": "Godbole, Dahl, Gilmer, Shallue & Nado, Deep Learning Tuning Playbook, 2023",
    "bengio2012": "Bengio, Practical Recommendations for Gradient-Based Training of Deep Architectures, 2012, arXiv "
    "1206.5533",
    "kingma2015": "Kingma & Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, arXiv 1412.6980",
    "loshchilov2019": "Loshchilov & Hutter, Decoupled Weight Decay Regularization, ICLR 2019, arXiv 1711.05101",
    "loshchilov2017": "Loshchilov & Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, ICLR 2017, arXiv "
    "1608.03983",
    "sutskever2013": "Sutskever, Martens, Dahl & Hinton, On the Importance of Initialization and Momentum in Deep "
    "Learning, ICML 2013",
    "choi2019": "Choi et al., On Empirical Comparisons of Optimizers for Deep Learning, 2019, arXiv 1910.05446",
    "shallue2019": "Shallue et al., Measuring the Effects of Data Parallelism on Neural Network Training, JMLR 20, "
    "2019, arXiv 1811.03600",
    "goyal2017": "Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv 1706.02677",
    "chen2023": "Chen et al., Symbolic Discovery of Optimization Algorithms (Lion), NeurIPS 2023, arXiv 2302.06675",
    "jordan2024": "Jordan et al., Muon: An Optimizer for Hidden Layers in Neural Networks, 2024",
    "liu2025": "Liu et al., Muon Is Scalable for LLM Training, 2025, arXiv 2502.16982",
    "srivastava2014": "Srivastava et al., Dropout, JMLR 15, 2014",
    "szegedy2016": "Szegedy et al., Rethinking the Inception Architecture, CVPR 2016 (label smoothing)",
    "zhang2018": "Zhang et al., mixup: Beyond Empirical Risk Minimization, ICLR 2018, arXiv 1710.09412",
    "pascanu2013": "Pascanu, Mikolov & Bengio, On the Difficulty of Training Recurrent Neural Networks, ICML 2013",
    "wortsman2023": "Wortsman et al., Small-Scale Proxies for Large-Scale Transformer Training Instabilities, 2023, "
    "arXiv 2309.14322",
    "gorishniy2021": "Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, NeurIPS 2021, arXiv "
    "2106.11959",
    "devlin2019": "Devlin et al., BERT, NAACL 2019, arXiv 1810.04805 (appendix A.3)",
    "mosbach2021": "Mosbach, Andriushchenko & Klakow, On the Stability of Fine-tuning BERT, ICLR 2021, arXiv "
    "2006.04884",
    "hu2022": "Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022, arXiv 2106.09685",
    "schulman2025": "Schulman et al., LoRA Without Regret, Thinking Machines Lab, 2025",
    "schulman2017": "Schulman et al., Proximal Policy Optimization Algorithms, 2017, arXiv 1707.06347",
    "andrychowicz2021": "Andrychowicz et al., What Matters in On-Policy Reinforcement Learning?, ICLR 2021, arXiv "
    "2006.05990",
    "haarnoja2018": "Haarnoja et al., Soft Actor-Critic Algorithms and Applications, 2018, arXiv 1812.05905",
    "raffin2021": "Raffin et al., Stable-Baselines3, JMLR 22, 2021, and its documentation",
    "eimer2023": "Eimer, Lindauer & Raileanu, Hyperparameters in Reinforcement Learning and How to Tune Them, ICML "
    "2023, arXiv 2306.01324",
    "troyanskaya2001": "Troyanskaya et al., Missing Value Estimation Methods for DNA Microarrays, Bioinformatics 17, "
    "2001",
    "measured": "Measured here, in the tests or in benchmarks/spaces.py",
}
