# The two doses judged against each other, and the report.


rule compare:
    input:
        case="results/{case}/case.h5",
        monte_carlo="results/{case}/monte_carlo.h5",
        tg43="results/{case}/tg43.h5",
    output:
        "results/{case}/comparison.h5",
    log:
        "results/{case}/logs/compare.log",
    benchmark:
        "results/{case}/benchmarks/compare.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(4000),
        runtime=20,
    shell:
        "seedmc compare {input.case:q} {input.monte_carlo:q} {input.tg43:q} --out {output:q}"
        " > {log:q} 2>&1"


rule report:
    input:
        comparison="results/{case}/comparison.h5",
    output:
        report(
            "results/{case}/report.html",
            caption="../report/comparison.rst",
            category="Comparison",
            labels={"case": "{case}"},
        ),
    log:
        "results/{case}/logs/report.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=doubled(2000),
        runtime=10,
    shell:
        "seedmc report {input.comparison:q} --out {output:q} > {log:q} 2>&1"
