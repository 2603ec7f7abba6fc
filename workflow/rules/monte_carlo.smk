# Photon transport in chunks of batches, then their sum. A batch gives the same sums in whatever chunk it runs.


rule simulate:
    input:
        case="results/{case}/case.h5",
    output:
        "results/{case}/monte_carlo/batches_{first}_{end}.h5",
    log:
        "results/{case}/logs/simulate_{first}_{end}.log",
    benchmark:
        "results/{case}/benchmarks/simulate_{first}_{end}.tsv"
    conda:
        "../../environment.yml"
    threads: int(config["threads"])
    resources:
        mem_mb=4000,
        runtime=int(config["simulate_minutes"]),
    params:
        seeds=config["seeds"],
        media=config["media"],
        variance_reduction=config["variance_reduction"],
        voxel=config["voxel_mm"],
        random_seed=int(config["random_seed"]),
    shell:
        "seedmc simulate {input.case:q} --out {output:q}"
        " --seeds {params.seeds} --media {params.media} --voxel {params.voxel}"
        " --variance-reduction {params.variance_reduction}"
        " --batches {wildcards.first}:{wildcards.end} --random-seed {params.random_seed}"
        " --threads {threads} --quiet > {log:q} 2>&1"


rule merge:
    input:
        monte_carlo_parts,
    output:
        "results/{case}/monte_carlo.h5",
    log:
        "results/{case}/logs/merge.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=10,
    shell:
        "seedmc merge {input:q} --out {output:q} > {log:q} 2>&1"
