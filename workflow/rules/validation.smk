# The evidence: every oracle, seed and published comparison computed again. `snakemake validation_record` asks for it.


rule validation_record:
    output:
        page="results/validation/validation.md",
        record="results/validation/validation_record.json",
        images=directory("results/validation/images"),
    log:
        "results/validation/logs/validate.log",
    benchmark:
        "results/validation/benchmarks/validate.tsv"
    conda:
        "../../environment.yml"
    threads: int(config["threads"])
    resources:
        mem_mb=doubled(4000),
        runtime=doubled(config["validate_minutes"]),
    params:
        mode=config["validation_mode"],
        out=lambda wildcards, output: Path(output.page).parent,
    shell:
        "seedmc validate --mode {params.mode} --out {params.out:q} --threads {threads} > {log:q} 2>&1"
