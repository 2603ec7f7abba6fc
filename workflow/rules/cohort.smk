# An in-silico cohort: generated lesions, each planned, implanted and verified by both engines -> tables, page.
# `snakemake in_silico_cohort` asks for it.


rule cohort_lesion:
    input:
        kernels=ancient("results/kernels/monte_carlo.h5"),
    output:
        lesion="results/in_silico_cohort/lesion_{lesion}/lesion.h5",
        plan="results/in_silico_cohort/lesion_{lesion}/plan.h5",
        verification="results/in_silico_cohort/lesion_{lesion}/verification.h5",
    log:
        "results/in_silico_cohort/logs/lesion_{lesion}.log",
    benchmark:
        "results/in_silico_cohort/benchmarks/lesion_{lesion}.tsv"
    wildcard_constraints:
        lesion=r"\d\d",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(4000),
        runtime=doubled(config["lesion_minutes"]),
    params:
        number=lambda wildcards: int(wildcards.lesion),
        out=lambda wildcards, output: Path(output.lesion).parent,
        random_seed=int(config["random_seed"]),
        options=shlex.split(config["cohort_options"]),
    shell:
        "seedmc cohort lesion {params.number} --out {params.out:q} --random-seed {params.random_seed}"
        " --threads {threads} --quiet {params.options:q} > {log:q} 2>&1"


rule in_silico_cohort:
    input:
        expand(
            "results/in_silico_cohort/lesion_{lesion}/lesion.h5",
            lesion=[f"{number:02d}" for number in range(1, int(config["cohort_lesions"]) + 1)],
        ),
    output:
        page=report(
            "results/in_silico_cohort/in_silico.html",
            caption="../report/cohort.rst",
            category="In-silico cohort",
        ),
        tables=expand("results/in_silico_cohort/lesions_{engine}.csv", engine=["tg43", "monte_carlo"]),
        comparison="results/in_silico_cohort/in_silico.csv",
    log:
        "results/in_silico_cohort/logs/collect.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(2000),
        runtime=10,
    params:
        out=lambda wildcards, output: Path(output.page).parent,
    shell:
        "seedmc cohort collect {input:q} --out {params.out:q} > {log:q} 2>&1"
